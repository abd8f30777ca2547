// The page: two views, one address for each state, and what stands around them.
import { copied, Dialog, html, Icon, openDialog, render, say, state, update, useUpdates } from "./ui.js";
import { giveKey, hasKey } from "./http.js";
import { askPhoto, restore, search, settings, sharedLink } from "./search.js";
import { toAddress } from "./query.js";
import { Intake, nothingAsked, takeFromAnywhere } from "./intake.js";
import { refinement, Sliders, Words } from "./refine.js";
import { FilterBar } from "./filters.js";
import { Results, Tabs } from "./results.js";
import { nameOf } from "./stage.js";
import { Compare, Tray } from "./compare.js";
import { bytes, count, language, stageName, t } from "./texts.js";

Object.assign(settings, JSON.parse(document.querySelector("meta[name=thatlook]").content));
document.documentElement.lang = language;

function Page() {
  useUpdates();
  const { view, online, dialog, needsKey, say: told } = state;
  const close = () => update({ dialog: "" });
  return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main").focus(); }}>${t("page.skip")}</a>
    <header class="bar">
      <a class="brand" href="#search" aria-label=${t("page.home")}>thatlook</a>
      <nav aria-label=${t("page.views")}>${["search", "catalogue"].map((name) => html`<a href=${addresses()[name]} aria-current=${view === name ? "page" : null}>${t("page." + name)}</a>`)}</nav>
      ${!online && html`<p class="offline" role="alert">${t("page.offline")}</p>`}
      ${hasKey() && html`<button type="button" class="bare text" onClick=${() => update({ needsKey: true })}>${t("key.change")}</button>`}
    </header>
    <main id="main" tabindex="-1" class=${view}>
      ${view === "search" ? html`<${Search} told=${told} />` : second && html`<${second.Catalogue} />`}
    </main>
    ${view === "catalogue" && html`<p id="status" class=${told.quiet ? "hidden" : told.problem ? "problem told" : "told"} role="status" dir="auto">${told.words}</p>`}
    <footer><${Timing} /><p>thatlook · <a href="/docs">${t("page.api")}</a> · <a href="/v1/ingest/status">${t("page.state")}</a></p></footer>
    ${view === "search" && html`<${Tray} />`}
    ${dialog === "compare" && html`<${Compare} close=${close} />`}
    ${["Camera", "Code"].includes(dialog) && html`<${state.part} close=${close} take=${askPhoto} />`}
    ${needsKey && html`<${AskKey} />`}`;
}

// Each view's address brings back what was last seen in it.
function addresses() {
  const { catalogue, query } = state;
  const rows = Object.entries(catalogue ?? {}).filter(([name, value]) => value && !(name === "pane" && value === "products"));
  const said = [toAddress(query), new URLSearchParams(rows).toString()];
  return { search: "#search" + (said[0] && "?" + said[0]), catalogue: "#catalogue" + (said[1] && "?" + said[1]) };
}

function Search({ told }) {
  const { answer, busy, failed, unfolded = "" } = state;
  const twice = failed && failed.words === told.words; // It stands where products would; here for screen readers alone.
  const empty = nothingAsked() && !answer && !busy && !failed;
  return html`<h1 class=${empty ? "" : "hidden"}>${t("page.title")}</h1>
    ${empty && html`<p class="lead">${t("page.lead")}</p>`}
    ${empty && state.offered?.products === 0 && !Object.keys(state.query.filters).length && html`<p class="far">${t("catalogue.nothingYet")} <a href="#catalogue?pane=feeds">${t("catalogue.fill")}</a></p>`}
    <div class=${empty ? "desk empty" : "desk open-" + unfolded}>
      <div class="left"><${Intake} />${!empty && html`<${Unfolds} open=${unfolded} />`}
        <div class="refine" id="refine"><${Words} /><${Sliders} /></div></div>
      <div class="right">
        <div class="top"><${Tabs} />
          <p id="status" class=${twice ? "hidden" : told.problem ? "problem" : ""} role="status" dir="auto">${told.words}</p>
          ${answer && html`<${Toolbar} />`}</div>
        <${FilterBar} />
        ${answer?.notes?.length > 0 && html`<ul id="notes">${answer.notes.map((note) => html`<li dir="auto">${note}</li>`)}</ul>`}
        <${Results} />
      </div>
    </div>`;
}

// On a narrow screen tools fold, all but one group of them, so that products come right below the photo.
function Unfolds({ open }) {
  const set = Object.keys(refinement().filters).length;
  return html`<div class="unfolds" role="group" aria-label=${t("unfold.label")}>${["photo", "words", "filters", "share"].map((name) => html`<button type="button" key=${name} class="quiet" aria-expanded=${name === open}
    onClick=${() => update({ unfolded: name === open ? "" : name })}>${t("unfold." + name)}${name === "filters" && set > 0 && html` <b>${count(set)}</b>`}<${Icon} name="down" /></button>`)}</div>`;
}

function Toolbar() {
  const share = async () => {
    const link = await sharedLink();
    await copied(link, t(link.includes("&img=") ? "share.withPhoto" : "share.copied", { size: bytes(link.length) }));
  };
  return html`<div class="toolbar">
    <button type="button" class="quiet" id="share" onClick=${share}>${t("share.label")}</button>
    <button type="button" class="quiet" id="csv" onClick=${exportCsv}>${t("csv.label")}</button>
    <button type="button" class="quiet" id="show-code" onClick=${() => openDialog("Code", () => import("./code.js"))}>${t("code.label")}</button>
  </div>`;
}

async function exportCsv() {
  const { answer, query } = state;
  const { csvOf, download } = await import("./csv.js");
  const garments = answer.garments.filter((one) => query.tab === "all" || one.key === query.tab);
  const rows = garments.flatMap((one) => one.hits.map((hit, n) => ({ garment: nameOf(one), rank: n + 1, hit })));
  download("thatlook.csv", csvOf(rows));
  say(t("csv.done", { n: count(rows.length) }, rows.length));
}

// Where the time went: the server's stages, and the rest, which is the network and this page.
function Timing() {
  const { timing } = state;
  if (state.view !== "search" || !timing) return null;
  const stages = Object.entries(timing).filter(([name, ms]) => name !== "total" && ms >= 0.05);
  const sum = stages.reduce((all, [, ms]) => all + ms, 0) || 1;
  return html`<details class="timing"><summary>${t("timing.total", { ms: count(Math.round(timing.total ?? sum)) })}
      <span class="stages" aria-hidden="true">${stages.map(([name, ms], n) => html`<i class=${"stage" + (n % 6)} style=${{ flexGrow: Math.max(ms / sum, 0.004) }}></i>`)}</span></summary>
    <dl>${stages.map(([name, ms]) => html`<dt>${stageName(name)}</dt><dd>${t("timing.ms", { ms: ms < 10 ? ms.toFixed(1) : Math.round(ms) })}</dd>`)}</dl></details>`;
}

function AskKey() {
  const submit = (event) => {
    event.preventDefault();
    giveKey(event.target.elements.key.value);
    update({ needsKey: false, failed: null });
    route();
  };
  return html`<${Dialog} title=${t("key.title")} close=${() => update({ needsKey: false })}>
    <form class="key" onSubmit=${submit}><p>${t("key.why")}</p>
      <label>${t("key.label")}<input name="key" type="password" autocomplete="off" autofocus required /></label>
      <button>${t("key.use")}</button></form></${Dialog}>`;
}

// ---- addresses

let second = null; // The catalogue's modules, which come when that view is opened.

async function openCatalogue(text) {
  try {
    second ??= (await Promise.all([import("./catalogue.js"), styled("catalogue.css")]))[0];
  } catch {
    return say(t("error.unreachable"), true);
  }
  update({});
  return second.restoreCatalogue(text);
}

// A style sheet beside this module; it holds when this resolves.
function styled(name) {
  return new Promise((onload, onerror) => {
    const href = new URL(name, import.meta.url).href;
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href, onload, onerror }));
  });
}

function route() {
  const [view, text = ""] = location.hash.slice(1).split(/\?(.*)/s);
  if (view === "catalogue") {
    update({ view, say: { words: "", problem: false } });
    return openCatalogue(text);
  }
  update({ view: "search" });
  document.title = t("page.documentTitle");
  return restore(text);
}

addEventListener("popstate", route);
addEventListener("online", () => {
  update({ online: true });
  if (state.failed?.kind === "unreachable") search();
});
addEventListener("offline", () => update({ online: false }));

const root = document.getElementById("page");
takeFromAnywhere(document.documentElement, async (file) => (await import("./feeds.js")).takeFeed(file));
render(html`<${Page} />`, root);
route();

