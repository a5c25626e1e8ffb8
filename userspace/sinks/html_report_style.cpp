// SPDX-License-Identifier: GPL-2.0-only
// The style of a report, and the few lines of script that show the values under the pointer: they read them from the
// plot's own table, and without them the page is complete. Colours of lines are told apart by people who see no red or
// no green (after Okabe and Ito), and have 3:1 and text 4.5:1 against their background.
#include "sinks/html_report_parts.h"

namespace sockeye {

const std::string_view kReportStyle = R"css(:root{--bg:#fbfaf8;--card:#fff;--ink:#1c1b1a;--soft:#5c5852;--rule:#ddd8d0;--grid:#e7e3dc;--accent:#b03a26;
--crit:#a3180f;--warn:#8a5a00;--note:#1f5f9e;--lost:#f3d9a0;--gap:#d6d2cb;
--s0:#0067a8;--s1:#c04f00;--s2:#007a58;--s3:#9c3f86;--s4:#7a6a00;--s5:#2b87bd;--s6:#3b3b3b;--s7:#77736c}
@media screen and (prefers-color-scheme:dark){:root{--bg:#161514;--card:#201e1d;--ink:#eeebe6;--soft:#b3ada4;--rule:#3b3835;--grid:#322f2d;--accent:#ff8f78;
--crit:#ff9a8f;--warn:#f2bd5c;--note:#86bdf0;--lost:#54431f;--gap:#45413d;
--s0:#5cb8f2;--s1:#ff9a52;--s2:#35cfa2;--s3:#e08fcb;--s4:#e8d94e;--s5:#8fa8ff;--s6:#f2f2f2;--s7:#a39e96}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}
header,main,footer{max-width:64rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
h1{font-size:1.5rem;line-height:1.2;margin:0;color:var(--accent)}
h1 span{color:var(--ink);font-weight:400;overflow-wrap:anywhere}
header p{margin:.25rem 0 0;color:var(--soft)}
h2{font-size:1.2rem;margin:2.25rem 0 .75rem;padding-bottom:.3rem;border-bottom:1px solid var(--rule)}
h3{font-size:1rem;line-height:1.4;margin:0;overflow-wrap:anywhere}
footer{color:var(--soft);font-size:.85rem;padding-top:2rem;padding-bottom:2rem}
.warn{background:var(--card);border:1px solid var(--warn);border-radius:.4rem;margin:1rem 0 0;padding:.6rem 1rem .6rem 2rem;overflow-wrap:anywhere}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.1rem,1fr));gap:.5rem;margin:1.25rem 0 0}
.figures div{background:var(--card);border:1px solid var(--rule);border-radius:.4rem;padding:.6rem .7rem}
.figures dt{color:var(--soft);font-size:.85rem;line-height:1.3}
.figures dd{margin:.2rem 0 0;line-height:1.3}
.figures b{display:block;font-size:1.35rem;font-weight:600}
.figures span{color:var(--soft);font-size:.85rem}
.finding{background:var(--card);border:1px solid var(--rule);border-left:.3rem solid var(--note);border-radius:.4rem;padding:.8rem 1rem;margin:0 0 .8rem}
.finding.warning{border-left-color:var(--warn)}
.finding.critical{border-left-color:var(--crit)}
.badge{color:var(--note);border:1px solid;border-radius:.25rem;padding:0 .35rem;font-size:.8rem;font-weight:600;margin-right:.25rem}
.warning .badge{color:var(--warn)}
.critical .badge{color:var(--crit)}
.when,.what{color:var(--soft);font-size:.85rem;margin:.3rem 0 0}
.evidence{display:grid;grid-template-columns:repeat(auto-fill,minmax(8rem,1fr));gap:.35rem .8rem;margin:.6rem 0 0}
.evidence dt{color:var(--soft);font:.78rem/1.3 ui-monospace,monospace;overflow-wrap:anywhere}
.evidence dd{margin:0;overflow-wrap:anywhere}
.finding ul{margin:.2rem 0 0;padding-left:1.2rem}
figure{background:var(--card);border:1px solid var(--rule);border-radius:.4rem;margin:0 0 1rem;padding:.8rem 1rem}
.chart{display:grid;grid-template-columns:var(--y) 1fr;grid-template-rows:15rem 1.5rem}
.y,.x{position:relative;color:var(--soft);font-size:.8rem;line-height:1}
.y span{position:absolute;right:.5rem;transform:translateY(-50%);white-space:nowrap}
.x{grid-column:2}
.x span{position:absolute;top:.5rem;transform:translateX(-50%);white-space:nowrap}
.x span:first-child{transform:none}
.x span.end{transform:translateX(-100%)}
.box{position:relative;min-width:0}
.box>svg{position:absolute;width:100%;height:100%;overflow:visible}
.grid{stroke:var(--grid);stroke-width:1;vector-effect:non-scaling-stroke;fill:none}
.lost{fill:var(--lost)}
.gap{fill:var(--gap)}
.l{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round;vector-effect:non-scaling-stroke}
.s0{stroke:var(--s0)}
.s1{stroke:var(--s1);stroke-dasharray:8 5}
.s2{stroke:var(--s2);stroke-dasharray:2 5}
.s3{stroke:var(--s3);stroke-dasharray:12 5 2 5}
.s4{stroke:var(--s4);stroke-dasharray:5 4}
.s5{stroke:var(--s5);stroke-dasharray:15 4}
.s6{stroke:var(--s6);stroke-dasharray:8 4 2 4 2 4}
.s7{stroke:var(--s7);stroke-dasharray:1 4}
figcaption{margin-bottom:1.1rem;font-size:.9rem}
.note{color:var(--soft)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.3rem;margin:.6rem 0 0;padding:0;font-size:.9rem}
.legend li{overflow-wrap:anywhere}
.key{width:34px;height:10px;margin-right:.45rem}
.v{color:var(--soft)}
.band{display:inline-block;width:1.5rem;height:.7rem;margin-right:.45rem;border:1px solid var(--soft)}
.lost-key{background:var(--lost)}
.gap-key{background:var(--gap)}
details{margin-top:.5rem}
summary{cursor:pointer;color:var(--soft);font-size:.85rem}
.scroll{overflow:auto;max-height:24rem;border:1px solid var(--rule);border-radius:.4rem;background:var(--card);margin:.5rem 0 1rem}
:focus-visible{outline:2px solid var(--note);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.85rem}
caption{text-align:left;color:var(--soft);padding:.4rem .6rem;white-space:nowrap}
th,td{text-align:right;padding:.3rem .6rem;border-top:1px solid var(--rule);white-space:nowrap;font-weight:400}
thead th{position:sticky;top:0;background:var(--card);color:var(--soft);border-top:0}
.t{text-align:left}
tbody th.t{font-weight:600}
.cursor{position:absolute;top:0;bottom:0;width:1px;background:var(--soft);pointer-events:none}
.tip{position:absolute;top:.2rem;z-index:1;background:var(--card);border:1px solid var(--soft);border-radius:.3rem;padding:.3rem .5rem;font-size:.8rem;line-height:1.4;pointer-events:none;white-space:nowrap}
@media (max-width:40rem){.chart{grid-template-rows:12rem 1.5rem}figure{padding:.7rem .75rem}.figures div:first-child{grid-column:span 2}.x span:nth-child(even):not(.end){display:none}}
@media print{body{background:#fff;font-size:10pt}figure,.finding,.figures div{break-inside:avoid}.scroll{max-height:none;overflow:visible}details:not([open]){display:none}thead th{position:static}}
)css";

const std::string_view kReportScript = R"js("use strict";
for (const box of document.querySelectorAll(".box")) {
  const figure = box.closest("figure");
  const table = figure.querySelector("table");
  const names = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
  const rows = [...table.tBodies[0].rows];
  const cursor = document.createElement("div"), tip = document.createElement("div");
  cursor.className = "cursor";
  tip.className = "tip";
  tip.setAttribute("aria-hidden", "true");
  const hide = () => { cursor.remove(); tip.remove(); };
  box.addEventListener("pointermove", event => {
    const area = box.getBoundingClientRect(), at = (event.clientX - area.left) / area.width;
    const off = row => Math.abs(row.dataset.x - at);
    const row = rows.reduce((best, one) => off(one) < off(best) ? one : best);
    const x = row.dataset.x * 100;
    cursor.style.left = x + "%";
    tip.style.left = x < 50 ? "calc(" + x + "% + .5rem)" : "auto";
    tip.style.right = x < 50 ? "auto" : "calc(" + (100 - x) + "% + .5rem)";
    tip.replaceChildren(...[...row.cells].map((cell, index) => {
      const line = document.createElement("div");
      line.textContent = (index ? names[index] + ": " : "") + cell.textContent;
      return line;
    }));
    box.append(cursor, tip);
  });
  box.addEventListener("pointerleave", hide);
}
)js";

}  // namespace sockeye
