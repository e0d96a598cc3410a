// A whole story through the client that @hey-api/openapi-ts generates: teams to alignment, and what is refused on the way.
// Run as `node hey-api.js URL ADMIN_KEY`.

import {
  exportEventsCsv,
  exportEventsNdjson,
  getAlignment,
  getLedger,
  getTeam,
  listEvents,
  listTeams,
  patchOffering,
  patchTeam,
  publishPlaybook,
  putKeyResult,
  putMetric,
  putObjective,
  putOffering,
  putPlaybook,
  putResponsibility,
  putSource,
  putTeam,
  recordEvent,
  recordEventBatch,
} from "../clients/hey-api";
import { client } from "../clients/hey-api/client.gen";
import type { NewEvent, Problem } from "../clients/hey-api";

declare const process: { argv: string[]; exitCode: number };

type Reply<Data> = { data?: Data; error?: Problem; response?: Response };

function same(found: unknown, wanted: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);
  }
}

async function of<Data>(asked: Promise<Reply<Data>>): Promise<Data> {
  const { data, error } = await asked;
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

async function refused(asked: Promise<Reply<unknown>>, status: number, code: string): Promise<Problem> {
  const { error, response } = await asked;
  if (error === undefined) throw new Error(`nothing was refused, and ${code} was expected`);
  same([response?.status, error.status, error.code, error.type], [status, status, code, `/problems/${code}`]);
  return error;
}

const event = (id: string, value: number): NewEvent => ({
  id,
  source: "billing",
  type: "invoice.paid",
  time: "2026-11-20T12:00:00Z",
  team: "sales",
  value,
});

async function strategy(): Promise<void> {
  for (const team of ["sales", "marketing"]) {
    const made = await putTeam({ path: { team }, body: { name: team, function: team, size: 10 } });
    same([made.response?.status, made.response?.headers.get("location")], [201, `/v1/teams/${team}`]);
  }
  await of(putSource({ path: { source: "billing" }, body: { name: "Billing" } }));
  const metric = { name: "Revenue", events: ["invoice.paid"], aggregation: "sum" as const, unit: "EUR" };
  await of(putMetric({ path: { metric: "revenue" }, body: metric }));
  const book = { title: "Win", starts_on: "2026-10-01", ends_on: "2026-12-31" };
  await of(putPlaybook({ path: { playbook: "q4" }, body: book }));
  await of(putObjective({ path: { objective: "win" }, body: { playbook: "q4", title: "Win" } }));
  await of(putResponsibility({ path: { objective: "win", team: "sales" }, body: { role: "accountable" } }));
  const result = { objective: "win", title: "2M", metric: "revenue", baseline: 0, target: 2_000_000 };
  await of(putKeyResult({ path: { key_result: "revenue-2m" }, body: result }));
  await of(publishPlaybook({ path: { playbook: "q4" } }));
}

async function pages(): Promise<void> {
  const found: string[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await of(listTeams({ query: cursor ? { limit: 1, cursor } : { limit: 1 } }));
    found.push(...page.items.map((team) => team.key));
    cursor = page.next_cursor;
  } while (cursor);
  same(found, ["marketing", "sales"]);
}

async function patches(): Promise<void> {
  const path = { offering: "plus" };
  await of(putOffering({ path, body: { name: "Plus", available_from: "2026-01-01", retired_on: "2027-01-01" } }));
  const kept = await of(patchOffering({ path, body: { name: "Plus Plus" } }));
  same([kept.name, kept.retired_on], ["Plus Plus", "2027-01-01"]);
  const gone = await of(patchOffering({ path, body: { retired_on: null } }));
  same([gone.name, gone.retired_on], ["Plus Plus", null]);
  const seen = await getTeam({ path: { team: "sales" } });
  const headers = { "If-Match": seen.response?.headers.get("etag") ?? "" };
  const fresh = await of(patchTeam({ path: { team: "sales" }, body: { size: 13 }, headers }));
  same(fresh.size, 13);
  await refused(patchTeam({ path: { team: "sales" }, body: { size: 14 }, headers }), 412, "precondition-failed");
}

async function events(): Promise<void> {
  const made = await recordEvent({ body: event("inv-1", 100.5) });
  same(made.response?.status, 201);
  same((await of(recordEvent({ body: event("inv-1", 100.5) }))).metrics, ["revenue"]);
  await refused(recordEvent({ body: event("inv-1", 99) }), 409, "event-conflict");
  const sorts = [event("inv-2", 5), event("inv-1", 100.5), event("inv-1", 7), event("inv-3", 1e15)];
  const batch = await of(recordEventBatch({ body: { events: sorts } }));
  same([batch.recorded, batch.duplicates, batch.rejected], [1, 1, 2]);
  same(batch.problems.map((each) => each.status), ["duplicate", "conflict", "invalid"]);
  const listed = await of(listEvents({ query: { metric: "revenue" } }));
  same(listed.items.map((each) => each.value).sort(), [100.5, 5]);
  const lines: string = await of(exportEventsNdjson({ query: { metric: "revenue" }, parseAs: "text" }));
  same(lines.trim().split("\n").map((line) => JSON.parse(line).uid), listed.items.map((each) => each.uid));
  same((await of(exportEventsCsv())).startsWith("uid,id,source,"), true);
}

async function answer(): Promise<void> {
  const found = await of(getAlignment({ query: { as_of: "2026-11-23" } }));
  same(found.playbook, "q4");
  const ledger = await of(getLedger({ query: { as_of: "2026-11-23" } }));
  same([ledger.version, ledger.items.length > 0], [found.version, true]);
}

async function main(baseUrl: string, key: string): Promise<void> {
  client.setConfig({ baseUrl, auth: key });
  await strategy();
  await pages();
  await patches();
  await events();
  await answer();
  const missing = await refused(getTeam({ path: { team: "slaes" } }), 404, "not-found");
  same(missing.detail.includes("sales"), true);
  client.setConfig({ baseUrl, auth: "wrong" });
  await refused(getTeam({ path: { team: "sales" } }), 401, "unauthorized");
}

main(process.argv[2]!, process.argv[3]!).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
