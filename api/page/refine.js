// Words wanted and unwanted, and what counts how much: for all garments, or for the one whose tab is open.
import { html, state, update, useEffect, useState } from "./ui.js";
import { ask, changeGarment, entries } from "./search.js";
import { isEmpty, isPhoto } from "./query.js";
import { nameOf } from "./stage.js";
import { t } from "./texts.js";

// The garment that words and filters are for; null for all of them.
export function chosenGarment() {
  const { answer, query } = state;
  return (isPhoto(query) && answer?.garments.find((one) => one.key === query.tab && one.box)) || null;
}

// What the chosen garment, or every one, is refined by.
export function refinement() {
  const garment = chosenGarment();
  return garment ? entries().find((one) => one.key === garment.key) ?? state.query : state.query;
}

export function refine(changes) {
  const garment = chosenGarment();
  return garment ? changeGarment(garment.key, changes) : ask(changes);
}

export function Words() {
  const garment = chosenGarment();
  const given = refinement();
  const [wanted, setWanted] = useState(given.words);
  const [unwanted, setUnwanted] = useState(given.unwanted);
  useEffect(() => { setWanted(given.words); setUnwanted(given.unwanted); }, [given.words, given.unwanted, state.query.tab]);
  const submit = (event) => { event.preventDefault(); update({ unfolded: "" }); refine({ words: wanted, unwanted }); };
  const scope = garment ? t("words.for", { name: nameOf(garment) }) : isPhoto(state.query) ? t("words.forAll") : "";
  return html`<form class="words" onSubmit=${submit}>
    ${scope && html`<p class="scope">${scope}</p>`}
    <label>${t("words.wanted")}
      <input id="text" maxlength="1000" autocomplete="off" dir="auto" placeholder=${t("words.wantedHint")} value=${wanted} onInput=${(e) => setWanted(e.target.value)} /></label>
    <label>${t("words.unwanted")}
      <input id="unwanted" maxlength="1000" autocomplete="off" dir="auto" placeholder=${t("words.unwantedHint")} value=${unwanted} onInput=${(e) => setUnwanted(e.target.value)} /></label>
    <button id="go">${t("words.go")}</button>
  </form>`;
}

export function Sliders() {
  if (isEmpty(state.query)) return null;
  const weighed = isPhoto(state.query) || state.query.product;
  return html`<div class="sliders">
    ${weighed && html`<${Slider} name="reads" label=${t("slider.reads")} low=${t("slider.looksLike")} high=${t("slider.readsLike")} />
    <${Slider} name="colour" label=${t("slider.colour")} low=${t("slider.anyColour")} high=${t("slider.sameColour")} />`}
    <${Variety} />
  </div>`;
}

// How much unlike each other the first hits are to be: the API's `diversity`, in quarters.
function Variety() {
  const value = Math.round(4 * state.query.diversity);
  const told = value ? t("slider.varied", { n: value }) : t("slider.nearest");
  return html`<label class="slider"><span class="hidden">${t("slider.variety")}</span><i>${t("slider.nearest")}</i>
    <input type="range" id="slider-variety" min="0" max="4" step="1" value=${value} aria-valuetext=${told} onChange=${(event) => ask({ diversity: Number(event.target.value) / 4 })} />
    <i>${t("slider.different")}</i></label>
    ${value > 0 && html`<label class="check"><input type="checkbox" id="brands" checked=${state.query.brands} onChange=${(event) => ask({ brands: event.target.checked })} />${t("slider.brands")}</label>`}`;
}

function Slider({ name, label, low, high }) {
  const value = state.query[name];
  const told = value === 0 ? t("slider.middle") : t("slider.towards", { end: value < 0 ? low : high, n: Math.abs(value) });
  return html`<label class="slider"><span class="hidden">${label}</span><i>${low}</i>
    <input type="range" id=${"slider-" + name} min="-4" max="4" step="1" value=${value} aria-valuetext=${told} onChange=${(event) => ask({ [name]: Number(event.target.value) })} />
    <i>${high}</i></label>`;
}
