// Calls a collector with the Connect client of npm, and prints what it hears as JSON.
//
//   node client.mjs URL CA CERTIFICATE KEY

import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { ConnectError, Code, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AdminService } from "./auspex/v1/admin_pb.js";
import { Order, QueryService } from "./auspex/v1/query_pb.js";

const [url, ca, certificate, key] = argv.slice(2);
const transport = createConnectTransport({
  baseUrl: url,
  httpVersion: "1.1",
  useBinaryFormat: false,
  nodeOptions: {
    ca: readFileSync(ca),
    cert: readFileSync(certificate),
    key: readFileSync(key),
  },
});
const query = createClient(QueryService, transport);
const admin = createClient(AdminService, transport);
const text = (bytes) => new TextDecoder().decode(bytes);

async function codeOf(call) {
  try {
    await call();
    return "ok";
  } catch (error) {
    return Code[ConnectError.from(error).code];
  }
}

async function search(request, options) {
  const records = [];
  for await (const response of query.search(request, options)) {
    for (const event of response.events) records.push(...event.records.map(text));
  }
  return records;
}

const attribute = { attribute: "colour", text: new Uint8Array() };
const wrong = { predicate: { condition: { case: "attribute", value: attribute } } };
const said = {
  hosts: (await query.hosts({ hosts: ["web*"] })).hosts.map((host) => text(host.name)),
  records: await search({ hosts: ["web*"], order: Order.TIME }),
  some: await search({ hosts: ["web*"], limit: 2n }, { timeoutMs: 60_000 }),
  wrong: await codeOf(() => search(wrong)),
  missing: await codeOf(() => query.getEvent({ host: new TextEncoder().encode("web1") })),
  status: await codeOf(() => admin.status({})),
};
console.log(JSON.stringify(said));
process.exit(0);
