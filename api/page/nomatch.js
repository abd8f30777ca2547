// Queries that found nothing good: what the catalogue lacks, or says in other words than its customers.
import { html, update, useEffect, useState } from "./ui.js";
import { call } from "./http.js";
import { count, day, percent, t } from "./texts.js";

export function NoMatchPane() {
  const [days, setDays] = useState(7);
  const [told, setTold] = useState(null);
  useEffect(() => {
    let here = true;
    setTold(null);
    call("GET", "/v1/events/no-match?days=" + days)
      .then(({ data }) => here && setTold(data))
      .catch((error) => {
        if (error.status === 401) update({ needsKey: true });
        if (here) setTold({ off: error.status === 404, words: error.message });
      });
    return () => (here = false);
  }, [days]);
  return html`<section class="feeds">
    <label class="sort">${t("nomatch.days")}<select value=${days} onChange=${(e) => setDays(Number(e.target.value))}>${[1, 7, 30].map((n) => html`<option value=${n} selected=${n === days}>${t("nomatch.lastDays", { n: count(n) }, n)}</option>`)}</select></label>
    ${!told && html`<p class="none">${t("catalogue.loading")}</p>`}
    ${told?.off && html`<div class="failure"><p>${t("nomatch.off")}</p><pre tabindex="0"><code>THATLOOK_EVENTS=1</code></pre></div>`}
    ${told?.words && !told.off && html`<div class="failure"><p>${told.words}</p></div>`}
    ${told?.queries && (told.queries.length ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t("catalogue.nomatch")}><table><thead><tr><th scope="col">${t("nomatch.query")}</th><th scope="col">${t("nomatch.count")}</th><th scope="col">${t("nomatch.best")}</th><th scope="col">${t("nomatch.last")}</th></tr></thead>
      <tbody>${told.queries.map((one) => html`<tr><td dir="auto">${one.kind === "text" ? html`<a href=${"#search?words=" + encodeURIComponent(one.query)}>${one.query}</a>` : one.query || one.kind}</td><td>${count(one.count)}</td><td>${one.best_score == null ? "–" : percent(one.best_score)}</td><td>${day(one.last)}</td></tr>`)}</tbody></table></div>`
      : html`<p class="none">${t("nomatch.none")}</p>`)}
  </section>`;
}
