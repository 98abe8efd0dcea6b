/**
 * Balancer configs: HAProxy and nginx before two gateways, as they come and as we advise. Pure.
 */

export interface Ports {
  readonly balancer: number;
  readonly gateways: readonly [number, number];
  /** Where the gateways say whether they are ready. */
  readonly ops: readonly [number, number];
}

export interface BalancerCase {
  readonly name: string;
  readonly command: 'haproxy' | 'nginx';
  /** Of nginx. */
  readonly needsStream: boolean;
  /** @param streamModule the directive that loads it, where it is not built in. */
  config(ports: Ports, streamModule: string): string;
}

export const balancerCases: readonly BalancerCase[] = [
  haproxy('HAProxy, TCP, as it comes', '', ''),
  haproxy('HAProxy, TCP, checks on the clients’ port', '', 'check inter 500ms fall 1 rise 2'),
  haproxy('HAProxy, TCP, `observe layer4`', '', 'check port OPS observe layer4 on-error mark-down'),
  haproxy(
    'HAProxy, TCP, as advised',
    'retries 1\n  option redispatch 1\n  option httpchk GET /readyz',
    'check port OPS inter 2s',
  ),
  stream('nginx, TCP, as it comes', '', ''),
  stream('nginx, TCP, as advised', 'proxy_next_upstream_tries 2;', 'max_fails=0'),
  http('nginx, HTTP, as it comes', '', ''),
  http('nginx, HTTP, as advised', 'proxy_next_upstream_tries 2;', 'max_fails=0'),
];

function haproxy(name: string, backend: string, server: string): BalancerCase {
  return {
    ...{ name, command: 'haproxy', needsStream: false },
    config: ({ balancer, gateways, ops }) => `
defaults
  mode tcp
  timeout connect 5s
  timeout client 5m
  timeout server 5m
listen gateways
  bind 127.0.0.1:${balancer}
  balance roundrobin
  ${backend}
  server a 127.0.0.1:${gateways[0]} ${server.replace('OPS', String(ops[0]))}
  server b 127.0.0.1:${gateways[1]} ${server.replace('OPS', String(ops[1]))}
`,
  };
}

function stream(name: string, proxy: string, server: string): BalancerCase {
  return {
    ...{ name, command: 'nginx', needsStream: true },
    config: (ports, streamModule) => `${streamModule}
${nginxBase}
stream {
  ${upstream(ports, server)}
  server {
    listen 127.0.0.1:${ports.balancer};
    proxy_pass gateways;
    ${proxy}
  }
}
`,
  };
}

function http(name: string, proxy: string, server: string): BalancerCase {
  return {
    ...{ name, command: 'nginx', needsStream: false },
    config: (ports) => `${nginxBase}
http {
  access_log off;
  ${upstream(ports, server)}
  server {
    listen 127.0.0.1:${ports.balancer};
    location / {
      proxy_pass http://gateways;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      ${proxy}
    }
  }
}
`,
  };
}

const nginxBase = `daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }`;

function upstream({ gateways }: Ports, server: string): string {
  const [a, b] = gateways.map((port) => `server 127.0.0.1:${port} ${server};`);
  return `upstream gateways { ${a} ${b} }`;
}
