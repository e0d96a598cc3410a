// A complete story through the client that @hey-api/openapi-ts generates: from teams to alignment,
// with refusals.
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

function expectEqual(actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
  }
}

async function expectData<Data>(reply: Promise<Reply<Data>>): Promise<Data> {
  const { data, error } = await reply;
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

async function expectProblem(reply: Promise<Reply<unknown>>, status: number, code: string): Promise<Problem> {
  const { error, response } = await reply;
  if (error === undefined) throw new Error(`no problem, and ${code} was expected`);
  expectEqual([response?.status, error.status, error.code, error.type], [status, status, code, `/problems/${code}`]);
  return error;
}

const makeEvent = (id: string, value: number): NewEvent => ({
  id,
  source: "billing",
  type: "invoice.paid",
  time: "2026-11-20T12:00:00Z",
  team: "sales",
  value,
});

async function createStrategy(): Promise<void> {
  for (const team of ["sales", "marketing"]) {
    const created = await putTeam({ path: { team }, body: { name: team, function: team, size: 10 } });
    expectEqual([created.response?.status, created.response?.headers.get("location")], [201, `/v1/teams/${team}`]);
  }
  await expectData(putSource({ path: { source: "billing" }, body: { name: "Billing" } }));
  const metric = { name: "Revenue", events: ["invoice.paid"], aggregation: "sum" as const, unit: "EUR" };
  await expectData(putMetric({ path: { metric: "revenue" }, body: metric }));
  const playbook = { title: "Win", starts_on: "2026-10-01", ends_on: "2026-12-31" };
  await expectData(putPlaybook({ path: { playbook: "q4" }, body: playbook }));
  await expectData(putObjective({ path: { objective: "win" }, body: { playbook: "q4", title: "Win" } }));
  await expectData(putResponsibility({ path: { objective: "win", team: "sales" }, body: { role: "accountable" } }));
  const keyResult = { objective: "win", title: "2M", metric: "revenue", baseline: 0, target: 2_000_000 };
  await expectData(putKeyResult({ path: { key_result: "revenue-2m" }, body: keyResult }));
  await expectData(publishPlaybook({ path: { playbook: "q4" } }));
}

async function checkPagination(): Promise<void> {
  const teamKeys: string[] = [];
  let cursor: string | null | undefined;
  do {
    const page = await expectData(listTeams({ query: cursor ? { limit: 1, cursor } : { limit: 1 } }));
    teamKeys.push(...page.items.map((team) => team.key));
    cursor = page.next_cursor;
  } while (cursor);
  expectEqual(teamKeys, ["marketing", "sales"]);
}

async function checkPatches(): Promise<void> {
  const path = { offering: "plus" };
  await expectData(putOffering({ path, body: { name: "Plus", available_from: "2026-01-01", retired_on: "2027-01-01" } }));
  const renamed = await expectData(patchOffering({ path, body: { name: "Plus Plus" } }));
  expectEqual([renamed.name, renamed.retired_on], ["Plus Plus", "2027-01-01"]);
  const unretired = await expectData(patchOffering({ path, body: { retired_on: null } }));
  expectEqual([unretired.name, unretired.retired_on], ["Plus Plus", null]);
  const team = await getTeam({ path: { team: "sales" } });
  const headers = { "If-Match": team.response?.headers.get("etag") ?? "" };
  const updated = await expectData(patchTeam({ path: { team: "sales" }, body: { size: 13 }, headers }));
  expectEqual(updated.size, 13);
  await expectProblem(patchTeam({ path: { team: "sales" }, body: { size: 14 }, headers }), 412, "precondition-failed");
}

async function checkEvents(): Promise<void> {
  const created = await recordEvent({ body: makeEvent("inv-1", 100.5) });
  expectEqual(created.response?.status, 201);
  expectEqual((await expectData(recordEvent({ body: makeEvent("inv-1", 100.5) }))).metrics, ["revenue"]);
  await expectProblem(recordEvent({ body: makeEvent("inv-1", 99) }), 409, "event-conflict");
  const batchEvents = [makeEvent("inv-2", 5), makeEvent("inv-1", 100.5), makeEvent("inv-1", 7), makeEvent("inv-3", 1e15)];
  const batch = await expectData(recordEventBatch({ body: { events: batchEvents } }));
  expectEqual([batch.recorded, batch.duplicates, batch.rejected], [1, 1, 2]);
  expectEqual(batch.problems.map((problem) => problem.status), ["duplicate", "conflict", "invalid"]);
  const page = await expectData(listEvents({ query: { metric: "revenue" } }));
  expectEqual(page.items.map((event) => event.value).sort(), [100.5, 5]);
  const lines: string = await expectData(exportEventsNdjson({ query: { metric: "revenue" }, parseAs: "text" }));
  expectEqual(lines.trim().split("\n").map((line) => JSON.parse(line).uid), page.items.map((event) => event.uid));
  expectEqual((await expectData(exportEventsCsv())).startsWith("uid,id,source,"), true);
}

async function checkAlignment(): Promise<void> {
  const alignment = await expectData(getAlignment({ query: { as_of: "2026-11-23" } }));
  expectEqual(alignment.playbook, "q4");
  const ledger = await expectData(getLedger({ query: { as_of: "2026-11-23" } }));
  expectEqual([ledger.version, ledger.items.length > 0], [alignment.version, true]);
}

async function main(baseUrl: string, key: string): Promise<void> {
  client.setConfig({ baseUrl, auth: key });
  await createStrategy();
  await checkPagination();
  await checkPatches();
  await checkEvents();
  await checkAlignment();
  const missing = await expectProblem(getTeam({ path: { team: "slaes" } }), 404, "not-found");
  expectEqual(missing.detail.includes("sales"), true);
  client.setConfig({ baseUrl, auth: "wrong" });
  await expectProblem(getTeam({ path: { team: "sales" } }), 401, "unauthorized");
}

main(process.argv[2]!, process.argv[3]!).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
