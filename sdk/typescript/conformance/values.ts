// Values of the cases: variables, paths, subsets.

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };
export type Variables = Map<string, string>;

/** Variables in place of their names, in all strings. */
export function substituted<T>(value: T, variables: Variables): T {
  if (typeof value === "string")
    return value.replace(/\$\{(\w+)\}/g, (_, name: string) => valueOf(name, variables)) as T;
  if (Array.isArray(value)) return value.map((element) => substituted(element, variables)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, substituted(inner, variables)])) as T;
}

function valueOf(name: string, variables: Variables): string {
  if (name === "uuid") return crypto.randomUUID();
  const value = variables.get(name);
  if (value === undefined) throw new Error(`there is no variable ${name}`);
  return value;
}

/** Saves what stands at the paths; what is absent becomes an empty text. */
export function save(paths: Record<string, string> | undefined, from: Json, variables: Variables): void {
  for (const [name, path] of Object.entries(paths ?? {})) {
    const found = path
      .split(".")
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], from);
    variables.set(name, found === undefined || found === null ? "" : String(found));
  }
}

/** Where `real` does not fit `wanted`; empty when it fits. */
export function difference(wanted: Json, real: Json | undefined, path = ""): string {
  const not = `${path || "it"} is ${JSON.stringify(real) ?? "absent"} and not ${JSON.stringify(wanted)}`;
  if (wanted === null) return isEmpty(real) ? "" : not;
  if (wanted === "*") return isEmpty(real) ? not : "";
  if (Array.isArray(wanted)) return wanted.every((element) => fitsSome(element, real)) ? "" : not;
  if (typeof wanted === "object") return differenceOfKeys(wanted, real, path);
  if (isEmpty(wanted) && isEmpty(real)) return "";
  return wanted === real ? "" : not;
}

function differenceOfKeys(wanted: JsonObject, real: Json | undefined, path: string): string {
  const inside = typeof real === "object" && !Array.isArray(real) && real ? real : {};
  for (const [key, value] of Object.entries(wanted)) {
    const found = difference(value, inside[key], path ? `${path}.${key}` : key);
    if (found) return found;
  }
  return "";
}

function fitsSome(wanted: Json, real: Json | undefined): boolean {
  return Array.isArray(real) && real.some((element) => difference(wanted, element) === "");
}

function isEmpty(value: Json | undefined): boolean {
  return value === undefined || value === null || value === "" || value === 0 || value === false || isEmptyArray(value);
}

function isEmptyArray(value: Json): boolean {
  return Array.isArray(value) && value.length === 0;
}

export function demand(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}
