// The same story through openapi-fetch and the types of openapi-typescript. Run as `node openapi-fetch.js URL ADMIN_KEY`.

import createClient from "openapi-fetch";
import type { components, paths } from "../clients/openapi-fetch/sightline";

declare const process: { argv: string[]; exitCode: number };

type Problem = components["schemas"]["Problem"];
type Reply<Data> = { data?: Data; error?: Problem; response: Response };

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
  same([response.status, error.status, error.code, error.type], [status, status, code, `/problems/${code}`]);
  return error;
}

const MERGE_PATCH = { "Content-Type": "application/merge-patch+json" };

const event = (id: string, value: number): components["schemas"]["NewEvent"] => ({
  id,
  source: "billing",
  type: "invoice.paid",
  time: "2026-11-20T12:00:00Z",
  team: "sales",
  value,
});

type Client = ReturnType<typeof createClient<paths>>;

async function strategy(api: Client): Promise<void> {
  for (const team of ["sales", "marketing"]) {
    const body = { name: team, function: team, size: 10 };
    const made = await api.PUT("/v1/teams/{team}", { params: { path: { team } }, body });
    same([made.response.status, made.response.headers.get("location")], [201, `/v1/teams/${team}`]);
  }
  await of(api.PUT("/v1/sources/{source}", { params: { path: { source: "billing" } }, body: { name: "Billing" } }));
  const metric = { name: "Revenue", events: ["invoice.paid"], aggregation: "sum" as const, unit: "EUR" };
  await of(api.PUT("/v1/metrics/{metric}", { params: { path: { metric: "revenue" } }, body: metric }));
  const book = { title: "Win", starts_on: "2026-10-01", ends_on: "2026-12-31" };
  await of(api.PUT("/v1/playbooks/{playbook}", { params: { path: { playbook: "q4" } }, body: book }));
  const aim = { playbook: "q4", title: "Win" };
  await of(api.PUT("/v1/objectives/{objective}", { params: { path: { objective: "win" } }, body: aim }));
  const part = { path: { objective: "win", team: "sales" } };
  await of(api.PUT("/v1/objectives/{objective}/responsibilities/{team}", { params: part, body: { role: "accountable" } }));
  const result = { objective: "win", title: "2M", metric: "revenue", baseline: 0, target: 2_000_000 };
  await of(api.PUT("/v1/key-results/{key_result}", { params: { path: { key_result: "revenue-2m" } }, body: result }));
  await of(api.POST("/v1/playbooks/{playbook}/publish", { params: { path: { playbook: "q4" } } }));
}

async function pages(api: Client): Promise<void> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = cursor ? { limit: 1, cursor } : { limit: 1 };
    const page: components["schemas"]["TeamPage"] = await of(api.GET("/v1/teams", { params: { query } }));
    found.push(...page.items.map((team) => team.key));
    cursor = page.next_cursor;
  } while (cursor);
  same(found, ["marketing", "sales"]);
}

async function patches(api: Client): Promise<void> {
  const params = { path: { offering: "plus" } };
  const body = { name: "Plus", available_from: "2026-01-01", retired_on: "2027-01-01" };
  await of(api.PUT("/v1/offerings/{offering}", { params, body }));
  const patch = (change: components["schemas"]["OfferingPatch"]) =>
    of(api.PATCH("/v1/offerings/{offering}", { params, headers: MERGE_PATCH, body: change }));
  const kept = await patch({ name: "Plus Plus" });
  same([kept.name, kept.retired_on], ["Plus Plus", "2027-01-01"]);
  const gone = await patch({ retired_on: null });
  same([gone.name, gone.retired_on], ["Plus Plus", null]);
  const path = { team: "sales" };
  const tag = (await api.GET("/v1/teams/{team}", { params: { path } })).response.headers.get("etag") ?? "";
  const size = (size: number) =>
    api.PATCH("/v1/teams/{team}", { params: { path, header: { "If-Match": tag } }, headers: MERGE_PATCH, body: { size } });
  same((await of(size(13))).size, 13);
  await refused(size(14), 412, "precondition-failed");
}

async function events(api: Client): Promise<void> {
  const record = (id: string, value: number) => api.POST("/v1/events", { body: event(id, value) });
  same((await record("inv-1", 100.5)).response.status, 201);
  same((await of(record("inv-1", 100.5))).metrics, ["revenue"]);
  await refused(record("inv-1", 99), 409, "event-conflict");
  const sorts = [event("inv-2", 5), event("inv-1", 100.5), event("inv-1", 7), event("inv-3", 1e15)];
  const batch = await of(api.POST("/v1/event-batches", { body: { events: sorts } }));
  same([batch.recorded, batch.duplicates, batch.rejected], [1, 1, 2]);
  same(batch.problems.map((each) => each.status), ["duplicate", "conflict", "invalid"]);
  const listed = await of(api.GET("/v1/events", { params: { query: { metric: "revenue" } } }));
  same(listed.items.map((each) => each.value).sort(), [100.5, 5]);
  const query = { metric: "revenue" };
  const lines = await of(api.GET("/v1/events.ndjson", { params: { query }, parseAs: "text" }));
  same(lines.trim().split("\n").map((line) => JSON.parse(line).uid), listed.items.map((each) => each.uid));
  same((await of(api.GET("/v1/events.csv", { parseAs: "text" }))).startsWith("uid,id,source,"), true);
}

async function answer(api: Client): Promise<void> {
  const params = { query: { as_of: "2026-11-23" } };
  const found = await of(api.GET("/v1/alignment", { params }));
  same(found.playbook, "q4");
  const ledger = await of(api.GET("/v1/alignment/ledger", { params }));
  same([ledger.version, ledger.items.length > 0], [found.version, true]);
}

async function main(baseUrl: string, key: string): Promise<void> {
  const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
  await strategy(api);
  await pages(api);
  await patches(api);
  await events(api);
  await answer(api);
  const missing = await refused(api.GET("/v1/teams/{team}", { params: { path: { team: "slaes" } } }), 404, "not-found");
  same(missing.detail.includes("sales"), true);
  const stranger = createClient<paths>({ baseUrl, headers: { Authorization: "Bearer wrong" } });
  await refused(stranger.GET("/v1/teams/{team}", { params: { path: { team: "sales" } } }), 401, "unauthorized");
}

main(process.argv[2]!, process.argv[3]!).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
