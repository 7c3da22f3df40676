import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { failure, partnerOf, serve } from "./support.js";

const names = ["a", "b", "c", "d", "e"];

/** Pages of two; what was asked for. */
function book() {
  const asked: string[] = [];
  const list = async ({ pageToken, text }: { pageToken: string; text?: string }) => {
    asked.push(`${text ?? ""}@${pageToken}`);
    const from = Number(pageToken || 0);
    const clients = names.slice(from, from + 2).map((id) => ({ id }));
    return { clients, nextPageToken: from + 2 < names.length ? String(from + 2) : "" };
  };
  return { asked, list };
}

test("list goes through all pages, with the same conditions", async (t) => {
  const { asked, list } = book();
  const partner = partnerOf(t, await serve(t, { clients: { list } }));
  const request = Object.freeze({ text: "x" });
  const found: string[] = [];
  for await (const { id } of partner.clients.list(request)) found.push(id);
  assert.deepEqual(found, names);
  assert.deepEqual(asked, ["x@", "x@2", "x@4"]);
});

test("a page is asked for when it is reached, and not after the loop is left", async (t) => {
  const { asked, list } = book();
  const partner = partnerOf(t, await serve(t, { clients: { list } }));
  for await (const { id } of partner.clients.list()) if (id === "b") break;
  assert.deepEqual(asked, ["@"]);
});

test("listPage answers one page, and list goes on from a token", async (t) => {
  const { list } = book();
  const partner = partnerOf(t, await serve(t, { clients: { list } }));
  const { clients, nextPageToken } = await partner.clients.listPage({ pageSize: 2 });
  assert.deepEqual([clients.map(({ id }) => id), nextPageToken], [["a", "b"], "2"]);
  const rest: string[] = [];
  for await (const { id } of partner.clients.list({ pageToken: nextPageToken })) rest.push(id);
  assert.deepEqual(rest, ["c", "d", "e"]);
});

test("the error of a page ends the loop, after the entries before it", async (t) => {
  const list = async ({ pageToken }: { pageToken: string }) => {
    if (pageToken) throw failure(Code.InvalidArgument, "VALIDATION_FAILED");
    return { kkts: [{ id: "k" }], nextPageToken: "2" };
  };
  const partner = partnerOf(t, await serve(t, { kkts: { list } }));
  const found: string[] = [];
  const reading = async () => {
    for await (const { id } of partner.kkts.list()) found.push(id);
  };
  await assert.rejects(reading(), { reason: "VALIDATION_FAILED" });
  assert.deepEqual(found, ["k"]);
});
