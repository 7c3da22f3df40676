// Runs the conformance cases: runner <cases.json> <control-url>, one line of JSON a case. sdk/conformance/README.md.
import { readFile } from "node:fs/promises";
import { Case, type Step } from "./steps.js";

const [file = "", controlUrl = ""] = process.argv.slice(2);
const { cases } = JSON.parse(await readFile(file, "utf8")) as { cases: { name: string; steps: Step[] }[] };

for (const { name, steps } of cases) {
  const told = await new Case(controlUrl).run(name, steps).then(
    () => ({ ok: true }),
    (error: unknown) => ({ ok: false, why: error instanceof Error ? error.message : String(error) }),
  );
  process.stdout.write(`${JSON.stringify({ case: name, ...told })}\n`);
}
