// The second view: products with their state and pictures, feeds while they are taken, queries that found nothing.
import { html, say, state, update, useState } from "./ui.js";
import { call, Problem } from "./http.js";
import { FeedPane } from "./feeds.js";
import { NoMatchPane } from "./nomatch.js";
import { Product } from "./product.js";
import { Picture } from "./results.js";
import { availability, count, money, stateName, t } from "./texts.js";

const PAGE = 50;
const THUMBNAIL_SIDE = 128; // Pixels; twice as many as are shown, for fine screens.
const PANES = ["products", "feeds", "nomatch"];
const BLANK = { pane: "products", q: "", state: "", id: "" };
let asked = 0;

Object.assign(state, { catalogue: { ...BLANK }, products: null, nextAfter: null, counts: null, catalogueFailed: "" });

export function addressOf(catalogue) {
  const said = new URLSearchParams();
  for (const name of Object.keys(BLANK)) if (catalogue[name] !== BLANK[name]) said.set(name, catalogue[name]);
  return "#catalogue" + (said.size ? "?" + said : "");
}

export function restoreCatalogue(text) {
  const said = new URLSearchParams(text);
  const catalogue = Object.fromEntries(Object.keys(BLANK).map((name) => [name, said.get(name) ?? BLANK[name]]));
  if (!PANES.includes(catalogue.pane)) catalogue.pane = BLANK.pane;
  document.title = t("catalogue.documentTitle");
  update({ catalogue });
  loadCounts();
  return catalogue.pane === "products" ? load() : undefined;
}

function go(changes, { entry = false } = {}) {
  const catalogue = { ...state.catalogue, ...changes };
  history[entry ? "pushState" : "replaceState"](null, "", location.pathname + addressOf(catalogue));
  update({ catalogue });
}

async function loadCounts() {
  try {
    update({ counts: (await call("GET", "/v1/ingest/status")).data });
  } catch (error) {
    update({ counts: state.counts ?? false, ...(error.status === 401 && { needsKey: true }) });
  }
}

export async function load({ further = false } = {}) {
  const mine = (asked += 1);
  const { q, state: wanted } = state.catalogue;
  const fields = { limit: PAGE, ...(q && { q }), ...(wanted && { state: wanted }), ...(further && { after: state.nextAfter }) };
  update({ catalogueBusy: true, catalogueFailed: "" });
  try {
    const { data } = await call("GET", "/v1/products?" + new URLSearchParams(fields));
    if (mine !== asked) return;
    const products = further ? [...state.products, ...data.products] : data.products;
    update({ products, nextAfter: data.next_after, catalogueBusy: false });
    update({ say: { words: t("catalogue.shown", { n: count(products.length) }, products.length), quiet: true } });
  } catch (error) {
    if (mine !== asked) return;
    if (error instanceof Problem && error.status === 401) update({ needsKey: true });
    update({ catalogueBusy: false, catalogueFailed: error.message });
  }
}

// One product of the list as it stands now.
export function replaced(product) {
  const products = state.products?.map((one) => (one.product_id === product.product_id ? product : one));
  update({ products });
  loadCounts();
}

export function Catalogue() {
  const { pane } = state.catalogue;
  return html`<h1>${t("catalogue.title")}</h1>
    <nav class="tabs" aria-label=${t("catalogue.panes")}>${PANES.map((name) => html`<a href=${addressOf({ ...BLANK, pane: name })} aria-current=${pane === name ? "true" : null}>${t("catalogue." + name)}</a>`)}</nav>
    ${pane === "products" && html`<${Products} />`}
    ${pane === "feeds" && html`<${FeedPane} />`}
    ${pane === "nomatch" && html`<${NoMatchPane} />`}`;
}

function Products() {
  const { catalogue, products, nextAfter, counts, catalogueBusy, catalogueFailed } = state;
  const [typed, setTyped] = useState({}); // Counts until the address asks for something else.
  const q = typed.asked === catalogue.q ? typed.text : catalogue.q;
  const find = (event) => { event.preventDefault(); go({ q: q.trim(), id: "" }); load(); };
  const listed = products && counts !== null; // Together with what stands above it, so that nothing moves.
  const only = (name) => { go({ state: name, id: "" }); load(); };
  return html`<form class="find" role="search" onSubmit=${find}>
      <label>${t("catalogue.find")}<input type="search" id="find" dir="auto" value=${q} placeholder=${t("catalogue.findHint")} maxlength="200" onInput=${(e) => setTyped({ asked: catalogue.q, text: e.target.value })} /></label>
      <button>${t("catalogue.search")}</button>
      <div class="row" role="group" aria-label=${t("catalogue.byState")}>${["", "indexed", "pending", "refused", "failed"].map((name) => html`<button type="button" class="quiet" aria-pressed=${catalogue.state === name} onClick=${() => only(name)}>
        ${name ? stateName(name) : t("catalogue.everyState")}${counts && html` <small>${count(name ? counts.products[name] ?? 0 : Object.values(counts.products).reduce((a, b) => a + b, 0))}</small>`}</button>`)}</div>
    </form>
    <${Reasons} />
    <div class="shelf">
      <div class="list" aria-busy=${Boolean(catalogueBusy)}>
        ${catalogueFailed && html`<div class="failure"><p>${catalogueFailed}</p><button type="button" onClick=${() => load()}>${t("failure.again")}</button></div>`}
        ${listed && products.length > 0 && html`<ul>${products.map((one) => html`<${Row} key=${one.product_id} entry=${one} chosen=${one.product_id === catalogue.id} />`)}</ul>`}
        ${listed && !products.length && !catalogueFailed && html`<p class="none">${t(catalogue.q || catalogue.state ? "catalogue.noneFound" : "catalogue.empty")}</p>`}
        ${!listed && !catalogueFailed && html`<p class="none">${t("catalogue.loading")}</p>`}
        ${nextAfter && listed && html`<p class="more"><button type="button" class="quiet" onClick=${() => load({ further: true })}>${t("results.more")}</button></p>`}
      </div>
      ${catalogue.id && html`<${Product} key=${catalogue.id} id=${catalogue.id} close=${() => closeProduct(catalogue.id)} />`}
    </div>`;
}

// Back to the list, where a narrow screen shows it again only now; the focus goes where it was.
async function closeProduct(id) {
  go({ id: "" });
  await null; // Drawing comes first.
  document.querySelector(`[data-product="${CSS.escape(id)}"]`)?.focus();
}

// Why pictures were refused and products failed, over the whole catalogue.
function Reasons() {
  const told = [...Object.entries(state.counts?.refusals ?? {}), ...Object.entries(state.counts?.failures ?? {})];
  if (!told.length) return null;
  return html`<details class="reasons"><summary>${t("catalogue.reasons", { n: count(told.reduce((sum, [, n]) => sum + n, 0)) })}</summary>
    <ul>${told.sort((a, b) => b[1] - a[1]).map(([reason, n]) => html`<li><b>${count(n)}</b> <span dir="auto">${reason}</span></li>`)}</ul></details>`;
}

function Row({ entry, chosen }) {
  const { product, product_id: id, state: stands } = entry;
  const picture = entry.indexed_items ? `/v1/products/${encodeURIComponent(id)}/picture?side=${THUMBNAIL_SIDE}` : null;
  const told = [id, product.brand, product.price != null && money(product.price, product.currency), product.sale_price != null && t("catalogue.sale", { price: money(product.sale_price, product.currency) }), product.availability !== "in_stock" && availability(product.availability)];
  return html`<li><button type="button" class="bare" data-product=${id} aria-current=${chosen ? "true" : null} onClick=${() => go({ id }, { entry: true })}>
    <${Picture} path=${picture} />
    <span class="titled"><b dir="auto">${product.title}</b><small>${told.filter(Boolean).map((one, n) => html`${n > 0 && " · "}<span dir="auto">${one}</span>`)}</small></span>
    <span class=${"badge " + stands}>${stateName(stands)}</span></button></li>`;
}
