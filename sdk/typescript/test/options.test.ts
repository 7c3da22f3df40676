import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import * as http2 from "node:http2";
import { join } from "node:path";
import { test } from "node:test";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { KktService } from "../src/gen/litebox/kkt/v1/kkt_service_pb.js";
import { Partner, type PartnerOptions } from "../src/index.js";
import { settingsOf } from "../src/options.js";
import { folder, listen, partnerOf } from "./support.js";

const refused: [string, PartnerOptions, RegExp][] = [
  ["a token in plain text", { address: "a:1", token: "t", plaintext: true }, /allowTokenInPlaintext: true/],
  ["a token file in plain text", { address: "a:1", tokenFile: "t", plaintext: true }, /allowTokenInPlaintext: true/],
  ["two tokens", { address: "a:1", token: "t", tokenFile: "f" }, /not both/],
  ["an empty token", { address: "a:1", token: " \n" }, /empty/],
  ["a token of two lines", { address: "a:1", token: "a\nb" }, /more than one/],
  ["an address without a port", { address: "partner.example.ru" }, /host:port/],
  ["an address with a scheme", { address: "https://partner.example.ru:443" }, /host:port/],
  ["TLS and none", { address: "a:1", plaintext: true, tls: {} }, /plaintext/],
  ["a certificate without its key", { address: "a:1", tls: { certFile: "c" } }, /go together/],
  ["a file that is not there", { address: "a:1", tls: { caFile: "/no/such/file" } }, /no\/such\/file/],
  ["a token file that is not there", { address: "a:1", tokenFile: "/no/such/token" }, /no\/such\/token cannot/],
  ["a token file without a token", { address: "a:1", tokenFile: "/dev/null" }, /empty/],
  ["no silence at all", { address: "a:1", watchSilenceMs: 0 }, /watchSilenceMs/],
  ["no time at all", { address: "a:1", timeoutMs: 0 }, /timeoutMs/],
];

for (const [name, options, message] of refused) {
  test(`refused at construction: ${name}`, () => {
    assert.throws(() => new Partner(options), { name: "PartnerError", message });
  });
}

test("an address may have the usual port, or be of version 6", () => {
  for (const address of ["partner.example.ru:443", "[::1]:50051", "dns:///partner.example.ru:443"])
    new Partner({ address, token: "t" }).close();
});

test("a call has 20 seconds and a stream may be silent for 60, when nothing else is said", () => {
  const { timeoutMs, watchSilenceMs } = settingsOf({ address: "a:1" });
  assert.deepEqual([timeoutMs, watchSilenceMs], [20_000, 60_000]);
});

test("a closed Partner answers CANCELLED, and closing twice does no harm", async (t) => {
  const partner = partnerOf(t, "127.0.0.1:1");
  partner.close();
  partner.close();
  await assert.rejects(partner.kkts.get("k"), { code: "CANCELLED", message: /closed/ });
});

const noOpenssl = spawnSync("openssl", ["version"]).error ? "openssl is not here" : false;

test("TLS: the authority, the server's name and a certificate of one's own", { skip: noOpenssl }, async (t) => {
  const at = (name: string) => join(where, name);
  const where = folder(t);
  for (const name of ["good", "stranger"]) selfSigned(at(`${name}.key`), at(`${name}.pem`));
  const files = { caFile: at("good.pem"), certFile: at("good.pem"), keyFile: at("good.key") };
  const [cert, key] = [readFileSync(files.certFile), readFileSync(files.keyFile)];
  const routes = connectNodeAdapter({ routes: (it) => it.service(KktService, { get: async () => ({ kkt: {} }) }) });
  const address = await listen(t, http2.createSecureServer({ cert, key, ca: cert, requestCert: true }, routes));
  const dial = (tls: PartnerOptions["tls"]) =>
    partnerOf(t, address, { token: "t", plaintext: false, tls, timeoutMs: 5_000 }).kkts.get("k");
  await dial({ ...files, serverName: "partner.test" });
  await assert.rejects(dial({ ...files, serverName: "another.test" }), {
    code: "UNAVAILABLE",
    message: /another.test/,
  });
  await assert.rejects(dial({ caFile: files.caFile, serverName: "partner.test" }), { code: "UNAVAILABLE" });
  await assert.rejects(dial({ ...files, caFile: at("stranger.pem"), serverName: "partner.test" }), {
    code: "UNAVAILABLE",
  });
});

function selfSigned(key: string, cert: string): void {
  const subject = ["-subj", "/CN=partner.test", "-addext", "subjectAltName=DNS:partner.test"];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", ...kind, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
}
