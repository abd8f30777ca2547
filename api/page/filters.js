// The filter bar: facets with counts, a price range over a histogram, what can be bought, the order.
import { Fold, html, Icon, state, useEffect, useState } from "./ui.js";
import { ask } from "./search.js";
import { isEmpty } from "./query.js";
import { chosenGarment, refine, refinement } from "./refine.js";
import { count, facetName, facetValue, money, t } from "./texts.js";

const SHOWN_FIRST = ["brand", "color", "category", "gender", "size"];
const OFFERED = 12;

export function FilterBar() {
  const { answer, query } = state;
  if (!answer && !isOffered()) return null;
  const facets = facetsNow();
  const price = priceNow();
  const set = refinement().filters;
  const first = facets.filter((one) => SHOWN_FIRST.includes(one.name));
  const rest = facets.filter((one) => !SHOWN_FIRST.includes(one.name));
  return html`<div class="filters" role="group" aria-label=${t("filters.label")}>
    ${first.map((facet) => html`<${FacetFold} key=${facet.name} facet=${facet} set=${set} />`)}
    ${(price || set.price) && html`<${PriceFold} key="price" price=${price} set=${set.price} />`}
    ${rest.length > 0 && html`<${Fold} key="rest" name="rest" label=${t("filters.more")} count=${rest.filter((one) => set[one.name]).length}>
      ${rest.map((facet) => html`<fieldset key=${facet.name}><legend>${facetName(facet.name)}</legend><${FacetValues} facet=${facet} set=${set} /></fieldset>`)}</${Fold}>`}
    <label class="check"><input type="checkbox" id="buyable" checked=${query.buyable} onChange=${(e) => ask({ buyable: e.target.checked })} />${t("filters.buyable")}</label>
    ${answer && html`<label class="sort"><span class="hidden">${t("sort.label")}</span>
      <select id="sort" value=${query.sort} onChange=${(e) => ask({ sort: e.target.value })}>
        ${["relevance", "price_asc", "price_desc", "newest"].map((name) => html`<option value=${name} selected=${name === query.sort}>${t("sort." + name)}</option>`)}
      </select></label>`}
    <${Chips} />
  </div>`;
}

// Before the first search the filters of the whole catalogue are offered.
const isOffered = () => isEmpty(state.query) && state.offered?.products > 0;

// What counts were told for: the chosen garment, all garments together, or the whole catalogue.
function counted() {
  const garment = chosenGarment();
  return garment ? [garment] : state.answer ? state.answer.garments : [state.offered];
}

// The facets of these; a value that is set stays, also with nothing behind it.
function facetsNow() {
  const merged = new Map();
  for (const facet of counted().flatMap((one) => one.facets ?? [])) {
    const values = merged.get(facet.name) ?? merged.set(facet.name, new Map()).get(facet.name);
    for (const { value, label, count: n } of facet.values) {
      const known = values.get(value);
      values.set(value, { value, label: label || value, count: (known?.count ?? 0) + n });
    }
  }
  for (const [name, chosen] of Object.entries(refinement().filters)) {
    if (name === "price" || !Array.isArray(chosen)) continue;
    const values = merged.get(name) ?? merged.set(name, new Map()).get(name);
    for (const value of chosen) if (!values.has(value)) values.set(value, { value, label: value, count: 0 });
  }
  const facets = [...merged].map(([name, values]) => ({ name, values: [...values.values()].sort((a, b) => b.count - a.count) }));
  const rank = (one) => (SHOWN_FIRST.indexOf(one.name) + 1 || 99);
  return facets.filter((one) => one.values.length > 1 || refinement().filters[one.name]).sort((a, b) => rank(a) - rank(b));
}

function FacetFold({ facet, set }) {
  return html`<${Fold} name=${facet.name} label=${facetName(facet.name)} count=${set[facet.name]?.length}><${FacetValues} facet=${facet} set=${set} /></${Fold}>`;
}

function FacetValues({ facet, set }) {
  const [looked, setLooked] = useState("");
  const [all, setAll] = useState(false);
  const chosen = set[facet.name] ?? [];
  const fits = facet.values.filter((one) => one.label.toLowerCase().includes(looked.toLowerCase()));
  const shown = all || looked ? fits : fits.slice(0, OFFERED);
  return html`${facet.values.length > OFFERED && html`<input type="search" class="small" aria-label=${t("filters.search", { name: facetName(facet.name) })} placeholder=${t("filters.searchHint")} value=${looked} onInput=${(e) => setLooked(e.target.value)} />`}
    <ul class="values">${shown.map((one) => html`<li key=${one.value}><label>
      <input type="checkbox" checked=${chosen.includes(one.value)} onChange=${() => toggle(facet.name, one.value)} />
      <span dir="auto">${facetValue(facet.name, one.label)}</span><small>${count(one.count)}</small></label></li>`)}</ul>
    ${fits.length > shown.length && html`<button type="button" class="bare text" onClick=${() => setAll(true)}>${t("filters.all", { n: count(fits.length) })}</button>`}`;
}

function toggle(name, value) {
  const filters = { ...refinement().filters };
  const chosen = filters[name] ?? [];
  const left = chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value];
  if (left.length) filters[name] = left;
  else delete filters[name];
  return refine({ filters });
}

// ---- price

// The histogram of these, put together where their buckets agree.
function priceNow() {
  const told = counted().map((one) => one.price).filter(Boolean);
  if (!told.length) return null;
  const edges = [...new Set(told.flatMap((one) => one.buckets.flatMap((b) => [b.from, b.to])))].sort((a, b) => a - b);
  const buckets = edges.slice(1).map((to, n) => ({ from: edges[n], to, count: 0 }));
  for (const { from, to, count: n } of told.flatMap((one) => one.buckets)) {
    const within = buckets.filter((bucket) => bucket.from >= from && bucket.to <= to);
    for (const bucket of within) bucket.count += (n * (bucket.to - bucket.from)) / (to - from);
  }
  return { min: Math.min(...told.map((one) => one.min)), max: Math.max(...told.map((one) => one.max)), currency: told[0].currency, buckets };
}

function PriceFold({ price, set }) {
  const label = set ? rangeText(set, price?.currency) : t("filters.price");
  return html`<${Fold} name="price" label=${label} count=${set ? 1 : 0}><${PriceRange} price=${price} set=${set ?? {}} /></${Fold}>`;
}

function rangeText({ min, max }, currency) {
  if (min != null && max != null) return t("price.between", { min: money(min, currency), max: money(max, currency) });
  return min != null ? t("price.from", { min: money(min, currency) }) : t("price.to", { max: money(max, currency) });
}

function PriceRange({ price, set }) {
  const [least, setLeast] = useState(set.min ?? "");
  const [most, setMost] = useState(set.max ?? "");
  useEffect(() => { setLeast(set.min ?? ""); setMost(set.max ?? ""); }, [set.min, set.max]);
  const number = (text) => (text === "" || !(Number(text) >= 0) ? undefined : Number(text));
  const apply = (min, max) => {
    const filters = { ...refinement().filters };
    if (min === undefined && max === undefined) delete filters.price;
    else filters.price = { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
    return refine({ filters });
  };
  const submit = (event) => { event.preventDefault(); apply(number(least), number(most)); };
  return html`<form class="price-range" onSubmit=${submit}>
    ${price && html`<${Histogram} price=${price} set=${set} pick=${(bucket) => apply(bucket.from, bucket.to)} />`}
    <div class="bounds">
      <label>${t("price.least")}<input type="number" min="0" step="any" inputmode="decimal" value=${least} placeholder=${price ? Math.floor(price.min) : ""} onInput=${(e) => setLeast(e.target.value)} /></label>
      <label>${t("price.most")}<input type="number" min="0" step="any" inputmode="decimal" value=${most} placeholder=${price ? Math.ceil(price.max) : ""} onInput=${(e) => setMost(e.target.value)} /></label>
    </div>
    <button>${t("price.apply")}</button>
    ${(set.min != null || set.max != null) && html` <button type="button" class="quiet" onClick=${() => apply()}>${t("price.any")}</button>`}
  </form>`;
}

function Histogram({ price, set, pick }) {
  const highest = Math.max(1, ...price.buckets.map((one) => one.count));
  const within = (one) => (set.min == null || one.to > set.min) && (set.max == null || one.from < set.max);
  return html`<div class="histogram" role="group" aria-label=${t("price.histogram")}>
    ${price.buckets.map((one) => html`<button type="button" key=${one.from} class=${within(one) ? "bar in" : "bar"} disabled=${!one.count}
      aria-label=${t("price.bucket", { from: money(one.from, price.currency), to: money(one.to, price.currency), n: count(Math.round(one.count)) }, Math.round(one.count))}
      title=${`${money(one.from, price.currency)} – ${money(one.to, price.currency)}`} onClick=${() => pick(one)}><span style=${{ height: `${Math.round((100 * one.count) / highest)}%` }}></span></button>`)}
  </div>`;
}

// ---- what is set

function Chips() {
  const set = refinement().filters;
  const labels = new Map(facetsNow().flatMap((facet) => facet.values.map((one) => [facet.name + one.value, one.label])));
  const chips = Object.entries(set).flatMap(([name, value]) => {
    if (name === "price") return [{ key: "price", text: rangeText(value, priceNow()?.currency), off: () => { const { price: _, ...filters } = set; return refine({ filters }); } }];
    return value.map((one) => ({ key: name + one, text: facetValue(name, labels.get(name + one) ?? one), off: () => toggle(name, one) }));
  });
  if (!chips.length) return null;
  return html`<ul class="chips" aria-label=${t("filters.set")}>
    ${chips.map((chip) => html`<li key=${chip.key}><button type="button" class="chip" onClick=${chip.off} aria-label=${t("filters.off", { name: chip.text })}><span dir="auto">${chip.text}</span><${Icon} name="close" /></button></li>`)}
    <li><button type="button" class="bare text" onClick=${() => refine({ filters: {} })}>${t("filters.clear")}</button></li>
  </ul>`;
}
