// Feeds: taken by dropping them, followed while they are read, ended or tried again; runs and the rows they lost.
import { html, say, state, update, useEffect, useState } from "./ui.js";
import { call } from "./http.js";
import { addressOf } from "./catalogue.js";
import { bytes, count, date, t } from "./texts.js";

const POLL_MS = 1000;
const FEEDS = /\.(csv|tsv|txt|json|jsonl|ndjson|xml|rss|zip|gz)$/i;
const RUNNING = ["queued", "running"];

Object.assign(state, { jobs: null, runs: null, watched: null, feedsFailed: "", feedOptions: { policy: "", prune: false, currency: "", shop_url: "" } });

async function read() {
  try {
    const [jobs, runs, told] = await Promise.all([call("GET", "/v1/ingest/jobs?limit=20"), call("GET", "/v1/ingest/runs?limit=20"), call("GET", "/v1/ingest/status")]);
    update({ jobs: jobs.data.jobs, runs: runs.data.runs, watched: told.data.watched ?? null, counts: told.data, feedsFailed: "" });
  } catch (error) {
    if (error.status === 401) update({ needsKey: true });
    update({ feedsFailed: error.message, jobs: state.jobs ?? [], runs: state.runs ?? [] });
  }
}

// Send a feed; the job that takes it is shown at once.
export async function takeFeed(file) {
  history.replaceState(null, "", location.pathname + addressOf({ ...state.catalogue, pane: "feeds", id: "" }));
  update({ view: "catalogue", catalogue: { ...state.catalogue, pane: "feeds", id: "" } });
  if (!FEEDS.test(file.name)) return say(t("feeds.noFeed", { name: file.name }), true);
  if (!file.size) return say(t("photo.empty", { name: file.name }), true);
  const body = new FormData();
  body.append("feed", file, file.name);
  for (const [name, value] of Object.entries(state.feedOptions)) if (value) body.append(name, value === true ? "true" : value);
  say(t("feeds.sending", { name: file.name, size: bytes(file.size) }));
  return started(() => call("POST", "/v1/ingest", { body }));
}

async function takeAddress(address) {
  const options = Object.fromEntries(Object.entries(state.feedOptions).filter(([, value]) => value));
  return started(() => call("POST", "/v1/ingest", { json: { feed_url: address, ...options } }));
}

async function started(send) {
  try {
    const { data } = await send();
    update({ jobs: [data, ...(state.jobs ?? []).filter((job) => job.job_id !== data.job_id)] });
    say(t("feeds.taken", { name: data.feed }));
    read();
  } catch (error) {
    say(error.message, true);
  }
}

export function FeedPane() {
  const { jobs, runs, feedsFailed, watched } = state;
  const running = jobs?.some((job) => RUNNING.includes(job.state)) || runs?.some((run) => !run.finished);
  const others = runs?.filter((run) => !jobs?.some((job) => job.run_id === run.run_id));
  useEffect(() => { read(); }, []);
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(read, POLL_MS);
    return () => clearInterval(timer);
  }, [running]);
  return html`<section class="feeds">
    <${Take} />
    ${feedsFailed && html`<div class="failure"><p>${feedsFailed}</p><button type="button" onClick=${read}>${t("failure.again")}</button></div>`}
    ${watched && html`<p>${t("feeds.watched", { address: watched.feed_url, next: date(watched.next_check) })} ${watched.problem && html`<b>${watched.problem}</b>`}</p>`}
    ${jobs?.length > 0 && html`<h2>${t("feeds.jobs")}</h2><ul class="jobs">${jobs.map((job) => html`<${Job} key=${job.job_id} job=${job} />`)}</ul>`}
    ${others?.length > 0 && html`<h2>${t(jobs?.length ? "feeds.runs" : "feeds.jobs")}</h2><ul class="jobs">${others.map((run) => html`<${Run} key=${run.run_id} run=${run} />`)}</ul>`}
    ${!runs?.length && !jobs?.length && html`<p class="none">${t(runs ? "feeds.noRuns" : "catalogue.loading")}</p>`}
  </section>`;
}

function Take() {
  const { feedOptions: options } = state;
  const set = (changes) => update({ feedOptions: { ...options, ...changes } });
  const chosen = (event) => { const [file] = event.target.files; event.target.value = ""; if (file) takeFeed(file); };
  const fetchIt = (event) => { event.preventDefault(); takeAddress(event.target.elements.address.value.trim()); };
  return html`<div class="take">
    <div class="drop"><input type="file" id="feed" accept=".csv,.tsv,.txt,.json,.jsonl,.ndjson,.xml,.rss,.zip,.gz" aria-describedby="feed-hint" onChange=${chosen} />
      <label for="feed"><strong>${t("feeds.choose")}</strong></label><span id="feed-hint">${t("feeds.hint")}</span></div>
    <details><summary>${t("feeds.options")}</summary><div class="options">
      <label>${t("feeds.policy")}<select value=${options.policy} onChange=${(e) => set({ policy: e.target.value })}>${["", "prefer", "strict"].map((name) => html`<option value=${name}>${t("feeds.policy." + (name || "server"))}</option>`)}</select></label>
      <label>${t("feeds.currency")}<input maxlength="3" class="small" placeholder="EUR" value=${options.currency} onInput=${(e) => set({ currency: e.target.value.trim().toUpperCase() })} /></label>
      <label>${t("feeds.shop")}<input type="url" class="small" placeholder="https://" value=${options.shop_url} onInput=${(e) => set({ shop_url: e.target.value.trim() })} /></label>
      <label class="check"><input type="checkbox" checked=${options.prune} onChange=${(e) => set({ prune: e.target.checked })} />${t("feeds.prune")}</label></div></details>
    <form class="address" onSubmit=${fetchIt}><label>${t("feeds.address")}<input name="address" type="url" required placeholder="https://" /></label><button class="quiet">${t("feeds.fetch")}</button></form>
  </div>`;
}

function Job({ job }) {
  const act = (method, ending, words) => async () => {
    try {
      await call(method, `/v1/ingest/jobs/${encodeURIComponent(job.job_id)}${ending}`);
      say(words);
      read();
    } catch (error) {
      say(error.message, true);
    }
  };
  const on = RUNNING.includes(job.state);
  const again = ["interrupted", "failed", "cancelled"].includes(job.state);
  return html`<li><header><b dir="auto">${job.feed}</b> <span class=${"badge " + job.state}>${t(job.cancelling ? "job.cancelling" : "job." + job.state)}</span> <small>${date(job.created)}</small>
      ${on && !job.cancelling && html`<button type="button" class="quiet" onClick=${act("DELETE", "", t("job.ending"))}>${t("job.cancel")}</button>`}
      ${again && html`<button type="button" class="quiet" onClick=${act("POST", "/retry", t("job.again"))}>${t("job.retry")}</button>`}</header>
    ${on && html`<progress max=${job.total ?? undefined} value=${job.total ? job.done : undefined} aria-label=${t("job.progress", { name: job.feed })}></progress> <small>${progressText(job)}</small>`}
    <${Counts} counts=${job.counts} />
    ${job.error && html`<p class="problem" dir="auto">${job.error.message}</p>`}
    ${job.run_id != null && job.counts.bad_rows > 0 && html`<${RowErrors} id=${job.run_id} n=${job.counts.bad_rows} />`}</li>`;
}

const progressText = ({ done, total }) => (total ? t("job.doneOf", { done: count(done), total: count(total) }) : t("job.doneRows", { done: count(done) }));

// What became of the products; rows that were lost are told apart.
function Counts({ counts }) {
  const told = Object.entries(counts ?? {}).filter(([name, n]) => n && !["read", "bad_rows"].includes(name));
  return told.length ? html`<p class="counts">${told.map(([name, n]) => html`<span>${t.maybe("count." + name) ?? name.replaceAll("_", " ")} <b>${count(n)}</b></span>`)}</p>` : null;
}

function Run({ run }) {
  const lost = run.counts.bad_rows ?? 0;
  return html`<li><header><b dir="auto">${run.feed}</b> <small>${t(run.finished ? "run.from" : "run.since", { date: date(run.started) })}</small></header>
    <${Counts} counts=${run.counts} />${lost > 0 && html`<${RowErrors} id=${run.run_id} n=${lost} />`}</li>`;
}

function RowErrors({ id, n }) {
  const [page, setPage] = useState(null);
  const [failed, setFailed] = useState("");
  const further = async () => {
    try {
      const { data } = await call("GET", `/v1/ingest/runs/${id}/errors?limit=100&offset=${page?.next_offset ?? 0}`);
      setPage({ errors: [...(page?.errors ?? []), ...data.errors], next_offset: data.next_offset });
    } catch (error) {
      setFailed(error.message);
    }
  };
  return html`<details onToggle=${(e) => e.target.open && !page && further()}><summary>${t("run.lost", { n: count(n) }, n)}</summary>
    ${failed && html`<p class="problem">${failed}</p>`}
    <ol class="errors" tabindex="0" aria-label=${t("run.lost", { n: count(n) }, n)}>${(page?.errors ?? []).map((one) => html`<li>${t("run.line", { line: count(one.line) })} <span dir="auto">${one.product_id}</span> <span dir="auto">${one.reason}</span></li>`)}</ol>
    ${page?.next_offset && html`<button type="button" class="quiet" onClick=${further}>${t("results.more")}</button>`}</details>`;
}
