"""How the report looks: one style sheet, light and dark, for screen, phone and paper. No content lives here."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f7f5f0; --card: #fffefb; --ink: #1b2430; --soft: #5a6472; --rule: #e2ddd1; --track: #ece8dd;
  --good: #6a92bf; --late: #d4570f; --lost: #3a4452; --late-ink: #b34608;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10141a; --card: #181e26; --ink: #e9ecf0; --soft: #9ca7b5; --rule: #2b333e; --track: #262e38;
    --good: #4f7db3; --late: #f2853a; --lost: #d3d9e0; --late-ink: #f59a58;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%;
}
main { max-width: 61rem; margin: 0 auto; padding: 3.5rem 1.5rem 4rem; }
h1, h2, .figure { font-family: "Iowan Old Style", "Palatino Linotype", Palatino, Georgia, "Times New Roman", serif; }
h1 { font-size: clamp(2rem, 6vw, 3.1rem); line-height: 1.1; font-weight: 600; letter-spacing: -.015em;
  margin: .3rem 0 .9rem; }
h2 { font-size: 1.45rem; font-weight: 600; margin: 0 0 .25rem; }
.over { color: var(--late-ink); font-size: .8rem; font-weight: 650; letter-spacing: .09em; text-transform: uppercase;
  margin: 0; }
.lede { font-size: 1.15rem; color: var(--soft); max-width: 41rem; margin: 0 0 2.2rem; }
.lede strong { color: var(--ink); font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1px; background: var(--rule);
  border: 1px solid var(--rule); border-radius: 10px; overflow: hidden; margin: 0 0 1.4rem; }
.figures > div { background: var(--card); padding: 1.1rem 1.25rem; }
.figures dt { font-size: .84rem; color: var(--soft); }
.figures dd { margin: 0; }
.figure { font-size: 2.15rem; line-height: 1.2; font-weight: 600; }
.note { font-size: .84rem; color: var(--soft); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 1.5rem 1.5rem 1.35rem; margin: 0 0 1.4rem; }
section > p { color: var(--soft); margin: 0 0 1rem; max-width: 44rem; }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; padding: 0; margin: 0 0 .8rem;
  font-size: .88rem; }
.key li::before { content: ""; display: inline-block; width: .8em; height: .8em; border-radius: 2px;
  margin-right: .45em; }
.key .good::before { background: var(--good); }
.key .late::before { background: var(--late); }
.key .lost::before { background: var(--lost); }
svg { display: block; width: 100%; }
svg text { fill: var(--soft); font-size: 12px; }
.columns { height: auto; overflow: visible; }
.columns .good { fill: var(--good); }
.columns .late, .bar .late { fill: var(--late); }
.columns .lost { fill: var(--lost); }
.columns .target { fill: transparent; }
.column:hover .target { fill: var(--track); }
.grid line { stroke: var(--rule); }
.ground line { stroke: var(--soft); }
.bar { height: 8px; min-width: 4.5rem; }
.bar .track { fill: var(--track); }
.narrow { display: none; }
.scroll { overflow-x: auto; }
.scroll + .scroll { margin-top: 1.5rem; }
table { width: 100%; table-layout: fixed; border-collapse: collapse; font-size: .95rem; }
th { font-size: .8rem; font-weight: 550; color: var(--soft); text-align: right; vertical-align: bottom;
  line-height: 1.3; }
td, th { padding: .45rem .4rem; border-bottom: 1px solid var(--rule); }
tbody tr:last-child > * { border-bottom: 0; }
td { text-align: right; white-space: nowrap; }
thead th:first-child, tbody th { text-align: left; padding-left: 0; }
thead th { width: 12%; }
thead th:first-child { width: auto; }
tbody th { color: var(--ink); font-size: inherit; font-weight: 450; }
td:last-child, th:last-child { padding-right: 0; }
.code { color: var(--soft); font-size: .84em; margin-left: .45em; }
.share, thead .share { width: 29%; text-align: left; padding-left: 1.6rem; }
.share div { display: grid; grid-template-columns: 1fr 3.1rem; gap: .5rem; align-items: center; }
.share span { text-align: right; }
details { margin-top: 1rem; font-size: .92rem; }
summary { cursor: pointer; color: var(--soft); }
footer { color: var(--soft); font-size: .87rem; max-width: 46rem; padding: .4rem 0; }
@media (max-width: 44rem) {
  main { padding: 2rem 1rem 3rem; }
  .figures { grid-template-columns: repeat(2, 1fr); }
  .figures > div { padding: .85rem 1rem; }
  .figure { font-size: 1.75rem; }
  section { padding: 1.1rem 1rem; }
  .wide, .more { display: none; }
  .narrow { display: block; }
  td, th { padding: .4rem .25rem; }
  thead th { width: 18%; }
  .share, thead .share { width: 16%; padding-left: .25rem; text-align: right; }
  .share div { display: block; }
  .share .bar { display: none; }
}
@media print {
  :root { color-scheme: light; --page: #fff; --card: #fff; }
  section, .figures { break-inside: avoid; }
}
"""
