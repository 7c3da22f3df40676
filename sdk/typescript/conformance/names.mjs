// Prints every public name of the built package, a line each: for sdk/names.py, which holds the languages against each other.
// It reads the declarations that programs compile against, with the parser that formats this library.
import { readFileSync } from "node:fs";
import { parsers } from "prettier/plugins/typescript";

const read = (file) =>
  parsers.typescript.parse(readFileSync(new URL(`../dist/${file}`, import.meta.url), "utf8"), { filepath: file }).body;

/** What programs can name of a class or an interface; of a constructor they name the options. */
function members(declaration) {
  const own = (declaration.body?.body ?? [])
    .filter(({ key, kind, computed }) => key?.type === "Identifier" && kind !== "constructor" && !computed)
    .map(({ key }) => key.name);
  // TypeScript's own libraries declare what a class has of Error.
  return declaration.superClass?.name === "Error" ? [...own, "message"] : own;
}

/** The names of an `export … from`, with their members; of the contract's messages the names alone. */
function exported({ source, specifiers }) {
  const wanted = specifiers.map(({ exported: { name } }) => name);
  if (/_v1\.js$/.test(source.value)) return wanted.map((name) => `contract.${name}`);
  const declared = read(source.value.replace(/\.js$/, ".d.ts")).flatMap(({ declaration }) => declaration ?? []);
  return wanted.flatMap((name) => {
    const found = declared.find(({ id }) => id?.name === name);
    return [name, ...(found ? members(found) : []).map((member) => `${name}.${member}`)];
  });
}

const { REASONS } = await import("../dist/index.js");
const names = read("index.d.ts").flatMap(exported);
const reasons = REASONS.map((reason) => `REASONS.${reason}`);
console.log([...new Set([...names, ...reasons])].sort().join("\n"));
