// What the page says, in the reader's language where there is one: add a file like en.js and name it here.
import en from "./en.js";

const LANGUAGES = { en };

export const language = navigator.languages.map((name) => name.split("-")[0]).find((name) => name in LANGUAGES) ?? "en";
const words = LANGUAGES[language];
const locale = navigator.languages.find((name) => name.startsWith(language)) ?? language;
const plural = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(locale);
const shares = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
const days = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
const dates = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

// A text by its name; `{name}` stands for what is given. Where it has several forms, `n` chooses one.
export function t(name, given = {}, n = undefined) {
  const text = t.maybe(name, given, n);
  if (text === undefined) throw new Error("There is no text " + name);
  return text;
}

t.maybe = (name, given = {}, n = undefined) => {
  const found = words[name];
  const form = typeof found === "object" ? found[plural.select(n ?? 0)] ?? found.other : found;
  return form?.replace(/\{(\w+)\}/g, (all, key) => given[key] ?? all);
};

export const count = (n) => numbers.format(n);
export const percent = (part) => shares.format(part);
// A share as people say it, "8 of 10"; never all and never none, for it is an estimate.
export const ofTen = (part) => numbers.format(Math.min(9, Math.max(1, Math.round(10 * part))));
export const day = (text) => (text ? days.format(new Date(text)) : "");
export const date = (text) => (text ? dates.format(new Date(text)) : "");

export function bytes(size) {
  const [unit, divisor] = size >= 1024 * 1024 ? ["megabyte", 1024 * 1024] : ["kilobyte", 1024];
  const maximumFractionDigits = size / divisor < 10 ? 1 : 0;
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits }).format(size / divisor);
}

export function money(amount, currency) {
  if (!currency) return numbers.format(amount);
  try {
    return new Intl.NumberFormat(locale, { style: "currency", currency, trailingZeroDisplay: "stripIfInteger" }).format(amount);
  } catch {
    return amount + " " + currency;
  }
}

export const KINDS = ["upper_wear", "lower_wear", "foot_wear", "full_body", "outerwear"];
const spoken = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

export const kindName = (name) => t.maybe("kind." + name) ?? spoken(name);
export const facetName = (name) => t.maybe("facet." + name) ?? spoken(name.replace(/^attributes\./, ""));
export const facetValue = (facet, label) => t.maybe(`value.${facet}.${label}`) ?? label;
export const availability = (name) => t.maybe("value.availability." + name) ?? name;
export const signalName = (name) => t.maybe("signal." + name) ?? name;
export const stageName = (name) => t.maybe("stage." + name) ?? name;
export const stateName = (name) => t.maybe("state." + name) ?? name;
