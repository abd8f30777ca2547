// One product of the catalogue: what it says, all its pictures with what was seen in them, price and stock, another try.
import { html, Icon, say, update, useEffect, useLayoutEffect, useRef, useState } from "./ui.js";
import { call } from "./http.js";
import { replaced } from "./catalogue.js";
import { Picture } from "./results.js";
import { availability, date, kindName, money, stateName, t } from "./texts.js";

const POLL_MS = 1500;

export function Product({ id, close }) {
  const [entry, setEntry] = useState(null);
  const [pictures, setPictures] = useState(null);
  const [failed, setFailed] = useState("");
  const path = "/v1/products/" + encodeURIComponent(id);
  const read = async () => {
    try {
      const [told, shown] = await Promise.all([call("GET", path), call("GET", path + "/pictures")]);
      setEntry(told.data);
      setPictures(shown.data.pictures);
      setFailed("");
      return told.data;
    } catch (error) {
      if (error.status === 401) update({ needsKey: true });
      setFailed(error.message);
      return null;
    }
  };
  const ref = useRef();
  useLayoutEffect(() => { if (!isBeside(ref.current)) { ref.current.scrollIntoView(); ref.current.focus(); } }, [id]);
  useEffect(() => { read(); }, [id]);
  useEffect(() => {
    if (entry?.state !== "pending") return undefined;
    const timer = setInterval(async () => {
      const now = await read();
      if (now && now.state !== "pending") { replaced(now); say(t("product.now", { state: stateName(now.state) })); }
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [entry?.state]);
  const retry = async () => {
    try {
      await call("POST", path + "/retry");
      say(t("product.retrying"));
      replaced(await read());
    } catch (error) {
      say(error.message, true);
    }
  };
  const took = (data) => { setEntry(data); replaced(data); };
  return html`<article class="product" ref=${ref} tabindex="-1" aria-label=${entry?.product.title ?? id} aria-busy=${!entry && !failed}>
    <header><h2 dir="auto">${entry?.product.title ?? id}</h2><button type="button" class="bare" aria-label=${t("product.close")} onClick=${close}><${Icon} name="close" /></button></header>
    ${failed && html`<div class="failure"><p>${failed}</p><button type="button" onClick=${read}>${t("failure.again")}</button></div>`}
    ${entry && html`<p><span class=${"badge " + entry.state}>${stateName(entry.state)}</span> ${entry.reason && html`<span dir="auto">${entry.reason}</span>`}</p>
      <p class="row">${entry.state !== "pending" && html`<button type="button" class="quiet" id="retry" onClick=${retry}>${t("product.retry")}</button>`}
        ${entry.state === "indexed" && html`<a class="quiet" href=${"#search?like=" + encodeURIComponent(id)}>${t("product.similar")}</a>`}
        ${/^https?:\/\//i.test(entry.product.link) && html`<a class="quiet" href=${entry.product.link} target="_blank" rel="noopener noreferrer">${t("card.shop")}</a>`}</p>
      <h3>${t("product.pictures")}</h3>
      <ul class="pictures">${(pictures ?? []).map((one) => html`<${Seen} key=${one.image_link} picture=${one} path=${path} />`)}</ul>
      <${Edit} entry=${entry} path=${path} took=${took} />
      <${Facts} entry=${entry} />`}
  </article>`;
}

// On a narrow screen the product stands in place of the list, not beside it.
const isBeside = (article) => getComputedStyle(article).position === "sticky";

// A picture with its garments, or why it is not indexed. Pictures that are not kept here are named, never fetched.
function Seen({ picture, path }) {
  const [seen, setSeen] = useState(null);
  const [busy, setBusy] = useState(false);
  const look = async () => {
    setBusy(true);
    try {
      setSeen((await call("GET", path + "/analysis")).data);
    } catch (error) {
      setSeen({ garments: [], words: error.message });
    }
  };
  return html`<li class=${picture.reason ? "refused" : ""}>
    ${picture.stored ? html`<span class="seen"><${Picture} path=${picture.stored} alt=${t("product.picture")} />
      ${seen?.width && html`<svg viewBox=${`0 0 ${seen.width} ${seen.height}`} preserveAspectRatio="xMidYMid meet" aria-hidden="true">${seen.garments.flatMap((one) => (one.polygons ?? []).map((points) => html`<polygon points=${points.map((p) => p.join(",")).join(" ")} />`))}</svg>`}</span>` : html`<span class="seen unseen"><${Icon} name="photo" /></span>`}
    <div><p class="address" dir="ltr">${/^https?:\/\//i.test(picture.image_link) ? html`<a href=${picture.image_link} target="_blank" rel="noopener noreferrer">${picture.image_link}</a>` : picture.image_link}</p>
      <p>${picture.reason ? html`<b>${t("product.refused")}</b> <span dir="auto">${picture.reason}</span>` : picture.stored ? t("product.searched") : t("product.notChosen")}</p>
      ${picture.stored && (seen ? html`<p role="status">${seen.words ?? seenText(seen)}</p>` : html`<button type="button" class="quiet" disabled=${busy} onClick=${look}>${t(busy ? "product.looking" : "product.look")}</button>`)}</div></li>`;
}

// "Detected: Dress, Footwear. Front view, head to ankles."
function seenText({ garments, people, view, full_shot }) {
  const names = garments.map((one) => kindName(one.class || one.supercategory)).join(", ");
  const person = people ? [t("view." + view), full_shot && t("view.full")].filter(Boolean).join(", ") : t("view.nobody");
  return `${names ? t("product.seen", { names }) : t("product.seenNothing")} ${person}.`;
}

// Price and stock, without touching the pictures.
function Edit({ entry, path, took }) {
  const { product } = entry;
  const save = async (event) => {
    event.preventDefault();
    const said = event.target.elements;
    const price = said.price.value.trim();
    const json = { availability: said.availability.value };
    if (price && Number(price) !== product.price) json.price = product.currency ? `${price} ${product.currency}` : price;
    try {
      took((await call("PATCH", path, { json, headers: { "Content-Type": "application/merge-patch+json" } })).data);
      say(t("product.saved"));
    } catch (error) {
      say(error.message, true);
    }
  };
  return html`<form class="edit" onSubmit=${save}><h3>${t("product.edit")}</h3><div class="row">
    <label>${t("product.price", { currency: product.currency ?? "" })}<input name="price" type="number" min="0" step="any" inputmode="decimal" value=${product.price ?? ""} /></label>
    <label>${t("compare.availability")}<select name="availability">${["in_stock", "out_of_stock", "preorder", "backorder"].map((one) => html`<option value=${one} selected=${one === product.availability}>${availability(one)}</option>`)}</select></label>
    <button>${t("product.save")}</button></div></form>`;
}

function Facts({ entry }) {
  const { product } = entry;
  const rows = {
    id: entry.product_id, brand: product.brand, color: product.color, price: product.price == null ? null : money(product.price, product.currency),
    sale_price: product.sale_price == null ? null : money(product.sale_price, product.currency), category: product.category, gender: product.gender, size: product.size, material: product.material,
    pattern: product.pattern, item_group_id: product.item_group_id, kinds: entry.supercategories.map(kindName).join(", "), feed: entry.feed, updated: date(entry.updated), description: product.description,
    ...product.attributes,
  };
  return html`<details class="facts"><summary>${t("product.facts")}</summary><dl>${Object.entries(rows).filter(([, value]) => value).map(([name, value]) => html`<dt>${t.maybe("facet." + name) ?? name}</dt><dd dir="auto">${value}</dd>`)}</dl></details>`;
}

