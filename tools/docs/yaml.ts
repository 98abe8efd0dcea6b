/**
 * YAML: JSON values written in block style; the part of YAML 1.2 that nobody reads in two ways.
 *
 * Texts are JSON strings, which YAML takes as they are; keys are bare where they cannot be taken for
 * anything else.
 */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const bareKey = /^[A-Za-z$][A-Za-z0-9$_.-]*$/;
const words = /^(y|n|yes|no|on|off|true|false|null)$/i;

export function yaml(value: Json): string {
  return `${lines(value).join('\n')}\n`;
}

function lines(value: Json): readonly string[] {
  if (Array.isArray(value) && value.length > 0)
    return value.flatMap((item: Json) => indented('- ', lines(item)));
  if (!isFilledObject(value)) return [JSON.stringify(value)];
  return Object.entries(value).flatMap(([key, inner]) => {
    const block = lines(inner);
    const isBlock = isFilledObject(inner) || (Array.isArray(inner) && inner.length > 0);
    return isBlock
      ? [`${keyText(key)}:`, ...block.map((line) => `  ${line}`)]
      : [`${keyText(key)}: ${block[0]}`];
  });
}

function isFilledObject(value: Json): value is { readonly [key: string]: Json } {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
  );
}

function indented(mark: string, [first = '', ...rest]: readonly string[]): readonly string[] {
  return [mark + first, ...rest.map((line) => `  ${line}`)];
}

function keyText(key: string): string {
  return bareKey.test(key) && !words.test(key) ? key : JSON.stringify(key);
}
