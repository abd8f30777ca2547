// Pinned products: a tray at the foot, and beside each other in a dialog.
import { Dialog, html, Icon, state, update } from "./ui.js";
import { clearPins, togglePin } from "./search.js";
import { Picture } from "./results.js";
import { availability, count, money, ofTen, percent, signalName, t } from "./texts.js";

export function Tray() {
  const { pins } = state;
  if (!pins.length) return null;
  return html`<aside class="tray" aria-label=${t("pins.label")}>
    <ul>${pins.map((pin) => html`<li key=${pin.product_id}><${Picture} path=${pin.image} />
      <button type="button" class="bare" aria-label=${t("pins.off", { title: pin.title })} onClick=${() => togglePin(pin)}><${Icon} name="close" /></button></li>`)}</ul>
    <button type="button" onClick=${() => update({ dialog: "compare" })}>${t("pins.compare", { n: count(pins.length) })}</button>
    <button type="button" class="quiet" onClick=${clearPins}>${t("pins.clear")}</button>
  </aside>`;
}

export function Compare({ close }) {
  const { pins } = state;
  const rows = [
    [t("compare.for"), (pin) => pin.garment],
    [t("compare.match"), (pin) => percent(pin.score)],
    [t("compare.sure"), (pin) => (pin.confidence == null ? "–" : t("compare.ofTen", { n: ofTen(pin.confidence) }))],
    [t("compare.price"), (pin) => (pin.price == null ? "–" : money(pin.price, pin.currency))],
    [t("compare.brand"), (pin) => pin.brand],
    [t("compare.color"), (pin) => pin.color],
    [t("compare.availability"), (pin) => availability(pin.availability)],
    [t("compare.sizes"), (pin) => (pin.variants ?? []).filter((one) => one.size).map((one) => one.size).join(", ") || pin.size],
    ...["visual", "semantic", "text", "color", "lexical"].map((name) => [signalName(name), (pin) => (pin.signals?.[name] == null ? "–" : percent(pin.signals[name]))]),
  ].filter(([, cell]) => pins.some((pin) => cell(pin) && cell(pin) !== "–"));
  return html`<${Dialog} title=${t("compare.title")} close=${close} wide>
    ${pins.length ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t("compare.title")}><table class="compare">
      <thead><tr><td></td>${pins.map((pin) => html`<th scope="col" key=${pin.product_id}><${Picture} path=${pin.image} /><span dir="auto">${pin.title}</span>
        <button type="button" class="bare text" aria-label=${t("pins.off", { title: pin.title })} onClick=${() => togglePin(pin)}>${t("compare.remove")}</button></th>`)}</tr></thead>
      <tbody>${rows.map(([name, cell]) => html`<tr key=${name}><th scope="row">${name}</th>${pins.map((pin) => html`<td dir="auto">${cell(pin) || "–"}</td>`)}</tr>`)}
        <tr><th scope="row">${t("compare.link")}</th>${pins.map((pin) => html`<td>${/^https?:\/\//i.test(pin.link) && html`<a href=${pin.link} target="_blank" rel="noopener noreferrer" aria-label=${t("card.shopLabel", { title: pin.title })}>${t("card.shop")}</a>`}</td>`)}</tr></tbody>
    </table></div>` : html`<p>${t("compare.none")}</p>`}
  </${Dialog}>`;
}
