/**
 * Origins: the pages whose scripts may connect.
 *
 * Only browsers send an origin, and only there it can be believed; so a request without one passes. An
 * operator lists origins (`https://app.example.org`), hosts (`app.example.org`) or hosts below one
 * (`*.example.org`, at any depth). Without a list a page may connect to the host it came from and, while
 * the gateway listens on loopback only, from any loopback host and port, as in development.
 *
 * Pure.
 */

export interface OriginPolicy {
  readonly allowed: readonly string[];
  /** The gateway listens on a loopback address. */
  readonly loopback: boolean;
}

const pattern = /^(?:(https?):\/\/)?(\*\.)?([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/;

export function isOriginPattern(text: string): boolean {
  return text === '*' || text === 'null' || pattern.test(text.toLowerCase());
}

/** Whether a page of this origin may connect by this `Host`. */
export function isOriginAllowed(policy: OriginPolicy, origin: string | undefined, host: string): boolean {
  if (origin === undefined || policy.allowed.includes('*')) return true;
  if (origin === 'null') return policy.allowed.includes('null');
  const page = URL.parse(origin);
  if (page === null || (page.protocol !== 'http:' && page.protocol !== 'https:')) return false;
  if (policy.allowed.length > 0) return policy.allowed.some((allowed) => fits(allowed.toLowerCase(), page));
  return isOwnPage(page, host) || (policy.loopback && isLoopbackHost(page.hostname));
}

function fits(allowed: string, page: URL): boolean {
  const [, scheme, below, name = '', port] = pattern.exec(allowed) ?? [];
  if (name === '' || (scheme !== undefined && page.protocol !== `${scheme}:`)) return false;
  if (scheme !== undefined || port !== undefined) {
    const wanted = port === undefined ? '' : port.slice(1);
    if (portOf(page.protocol, wanted) !== portOf(page.protocol, page.port)) return false;
  }
  return below === undefined ? page.hostname === name : page.hostname.endsWith(`.${name}`);
}

function portOf(protocol: string, port: string): string {
  return port !== '' ? port : protocol === 'https:' ? '443' : '80';
}

/** The page's scheme decides what the default port is: a proxy may have taken TLS off on the way. */
function isOwnPage(page: URL, host: string): boolean {
  const own = URL.parse(`${page.protocol}//${host}`);
  return own !== null && own.host === page.host;
}

function isLoopbackHost(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(\.\d{1,3}){3}$/.test(hostname)
  );
}
