// The same story through openapi-fetch and the types of openapi-typescript.
// Run as `node openapi-fetch.js URL ADMIN_KEY`.

import createClient from "openapi-fetch";
import type { components, paths } from "../clients/openapi-fetch/sightline";

declare const process: { argv: string[]; exitCode: number };

type Problem = components["schemas"]["Problem"];
type Reply<Data> = { data?: Data; error?: Problem; response: Response };

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
  expectEqual([response.status, error.status, error.code, error.type], [status, status, code, `/problems/${code}`]);
  return error;
}

const MERGE_PATCH = { "Content-Type": "application/merge-patch+json" };

const makeEvent = (id: string, value: number): components["schemas"]["NewEvent"] => ({
  id,
  source: "billing",
  type: "invoice.paid",
  time: "2026-11-20T12:00:00Z",
  team: "sales",
  value,
});

type Client = ReturnType<typeof createClient<paths>>;

async function createStrategy(api: Client): Promise<void> {
  for (const team of ["sales", "marketing"]) {
    const body = { name: team, function: team, size: 10 };
    const created = await api.PUT("/v1/teams/{team}", { params: { path: { team } }, body });
    expectEqual([created.response.status, created.response.headers.get("location")], [201, `/v1/teams/${team}`]);
  }
  await expectData(api.PUT("/v1/sources/{source}", { params: { path: { source: "billing" } }, body: { name: "Billing" } }));
  const metric = { name: "Revenue", events: ["invoice.paid"], aggregation: "sum" as const, unit: "EUR" };
  await expectData(api.PUT("/v1/metrics/{metric}", { params: { path: { metric: "revenue" } }, body: metric }));
  const playbook = { title: "Win", starts_on: "2026-10-01", ends_on: "2026-12-31" };
  await expectData(api.PUT("/v1/playbooks/{playbook}", { params: { path: { playbook: "q4" } }, body: playbook }));
  const objective = { playbook: "q4", title: "Win" };
  await expectData(api.PUT("/v1/objectives/{objective}", { params: { path: { objective: "win" } }, body: objective }));
  const responsibility = { path: { objective: "win", team: "sales" } };
  await expectData(api.PUT("/v1/objectives/{objective}/responsibilities/{team}", { params: responsibility, body: { role: "accountable" } }));
  const keyResult = { objective: "win", title: "2M", metric: "revenue", baseline: 0, target: 2_000_000 };
  await expectData(api.PUT("/v1/key-results/{key_result}", { params: { path: { key_result: "revenue-2m" } }, body: keyResult }));
  await expectData(api.POST("/v1/playbooks/{playbook}/publish", { params: { path: { playbook: "q4" } } }));
}

async function checkPagination(api: Client): Promise<void> {
  const teamKeys: string[] = [];
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = cursor ? { limit: 1, cursor } : { limit: 1 };
    const page: components["schemas"]["TeamPage"] = await expectData(api.GET("/v1/teams", { params: { query } }));
    teamKeys.push(...page.items.map((team) => team.key));
    cursor = page.next_cursor;
  } while (cursor);
  expectEqual(teamKeys, ["marketing", "sales"]);
}

async function checkPatches(api: Client): Promise<void> {
  const params = { path: { offering: "plus" } };
  const body = { name: "Plus", available_from: "2026-01-01", retired_on: "2027-01-01" };
  await expectData(api.PUT("/v1/offerings/{offering}", { params, body }));
  const patch = (change: components["schemas"]["OfferingPatch"]) =>
    expectData(api.PATCH("/v1/offerings/{offering}", { params, headers: MERGE_PATCH, body: change }));
  const renamed = await patch({ name: "Plus Plus" });
  expectEqual([renamed.name, renamed.retired_on], ["Plus Plus", "2027-01-01"]);
  const unretired = await patch({ retired_on: null });
  expectEqual([unretired.name, unretired.retired_on], ["Plus Plus", null]);
  const path = { team: "sales" };
  const etag = (await api.GET("/v1/teams/{team}", { params: { path } })).response.headers.get("etag") ?? "";
  const resize = (size: number) =>
    api.PATCH("/v1/teams/{team}", { params: { path, header: { "If-Match": etag } }, headers: MERGE_PATCH, body: { size } });
  expectEqual((await expectData(resize(13))).size, 13);
  await expectProblem(resize(14), 412, "precondition-failed");
}

async function checkEvents(api: Client): Promise<void> {
  const record = (id: string, value: number) => api.POST("/v1/events", { body: makeEvent(id, value) });
  expectEqual((await record("inv-1", 100.5)).response.status, 201);
  expectEqual((await expectData(record("inv-1", 100.5))).metrics, ["revenue"]);
  await expectProblem(record("inv-1", 99), 409, "event-conflict");
  const batchEvents = [makeEvent("inv-2", 5), makeEvent("inv-1", 100.5), makeEvent("inv-1", 7), makeEvent("inv-3", 1e15)];
  const batch = await expectData(api.POST("/v1/event-batches", { body: { events: batchEvents } }));
  expectEqual([batch.recorded, batch.duplicates, batch.rejected], [1, 1, 2]);
  expectEqual(batch.problems.map((problem) => problem.status), ["duplicate", "conflict", "invalid"]);
  const page = await expectData(api.GET("/v1/events", { params: { query: { metric: "revenue" } } }));
  expectEqual(page.items.map((event) => event.value).sort(), [100.5, 5]);
  const query = { metric: "revenue" };
  const lines = await expectData(api.GET("/v1/events.ndjson", { params: { query }, parseAs: "text" }));
  expectEqual(lines.trim().split("\n").map((line) => JSON.parse(line).uid), page.items.map((event) => event.uid));
  expectEqual((await expectData(api.GET("/v1/events.csv", { parseAs: "text" }))).startsWith("uid,id,source,"), true);
}

async function checkAlignment(api: Client): Promise<void> {
  const params = { query: { as_of: "2026-11-23" } };
  const alignment = await expectData(api.GET("/v1/alignment", { params }));
  expectEqual(alignment.playbook, "q4");
  const ledger = await expectData(api.GET("/v1/alignment/ledger", { params }));
  expectEqual([ledger.version, ledger.items.length > 0], [alignment.version, true]);
}

async function main(baseUrl: string, key: string): Promise<void> {
  const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
  await createStrategy(api);
  await checkPagination(api);
  await checkPatches(api);
  await checkEvents(api);
  await checkAlignment(api);
  const missing = await expectProblem(api.GET("/v1/teams/{team}", { params: { path: { team: "slaes" } } }), 404, "not-found");
  expectEqual(missing.detail.includes("sales"), true);
  const unauthorized = createClient<paths>({ baseUrl, headers: { Authorization: "Bearer wrong" } });
  await expectProblem(unauthorized.GET("/v1/teams/{team}", { params: { path: { team: "sales" } } }), 401, "unauthorized");
}

main(process.argv[2]!, process.argv[3]!).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
