import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { VERSION } from "../src/index.js";
import { serviceConfig } from "../src/service_config.js";

// From build/test, where the compiled tests are.
const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("the version is the package's", () => {
  assert.equal(VERSION, JSON.parse(read("package.json")).version);
});

test("the service config is the shared one", () => {
  assert.deepEqual(serviceConfig, JSON.parse(read("../service_config.json")));
});

test("the program in the README is the example", () => {
  const program = read("README.md").match(/^```ts\n(.*?)^```$/ms)?.[1];
  assert.equal(program, read("example/quickstart.ts"));
});
