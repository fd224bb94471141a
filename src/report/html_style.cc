// The style sheet of the HTML report: light, dark by the reader's preference, and paper. No font, image or rule comes from elsewhere.
#include "report/html.h"

namespace inquest::report {

std::string_view html_style() {
  return R"css(
:root{color-scheme:light dark;--paper:#fff;--raised:#f6f7f9;--ink:#1b1f24;--dim:#57606a;--line:#d0d7de;--link:#0a58b6;--alarm:#b3261e;--alarm-soft:#fdecea;
--warn:#8a5a00;--warn-soft:#fff3d6;--good:#1a6e36;--accent:#5b3fb8;
--zero:#eef0f2;--self:#ffd9a8;--number:#e3e8ee;--text:#d9f2d0;--code:#cfe6ff;--data:#d6f0f2;--stack:#e8dcff;--object:#fff0b8;--mapped:#e9f0d8;--user:#f6dcef;--errno:#ffd6d6;
--poison:#ffb8b3;--stray:#ffcfe0;--unread:#fff}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--raised:#1d2127;--ink:#e6e8eb;--dim:#9aa4af;--line:#3a424c;--link:#7fb6ff;--alarm:#ff8a80;--alarm-soft:#3a1c1b;
--warn:#f0c060;--warn-soft:#3a2e12;--good:#7fd69a;--accent:#b9a5ff;
--zero:#262b31;--self:#6b4710;--number:#2f3740;--text:#214a1c;--code:#16406b;--data:#14494e;--stack:#3f2f6b;--object:#574a12;--mapped:#38421c;--user:#552746;--errno:#5e2424;
--poison:#7a2622;--stray:#642240;--unread:#14171b}}
*{box-sizing:border-box}
html{font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;background:var(--paper);color:var(--ink);-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:66rem;padding:1rem 1.25rem 3rem;overflow-wrap:anywhere}
h1{font-size:1.35rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem;padding-bottom:.2rem;border-bottom:1px solid var(--line)}h3{font-size:1rem;margin:1.2rem 0 .3rem}
p{margin:.4rem 0}a{color:var(--link)}code,pre,kbd,.mono{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;font-size:.86em}
pre.quote b{color:var(--alarm)}pre{background:var(--raised);border:1px solid var(--line);border-radius:6px;padding:.6rem .75rem;overflow-x:auto;overflow-wrap:normal;margin:.4rem 0;line-height:1.45;max-height:34rem;overflow-y:auto}
nav{font-size:.9rem;margin:.6rem 0 1rem}nav a{margin-right:.9rem;white-space:nowrap}
.dim{color:var(--dim)}.verdict{background:var(--alarm-soft);border-left:5px solid var(--alarm);border-radius:0 8px 8px 0;padding:.8rem 1.1rem}
.verdict.unknown{background:var(--raised);border-color:var(--dim)}
.verdict h2{border:0;margin:0 0 .3rem;padding:0;font-size:1.3rem}.verdict .summary{font-size:1.06rem;margin:.3rem 0 .6rem}
.sure{display:inline-block;font-size:.85rem;font-weight:400;color:var(--dim);margin-left:.5rem}
.meter{display:inline-block;width:6rem;height:.5rem;border-radius:4px;background:var(--line);vertical-align:middle;margin-right:.4rem;overflow:hidden}
.meter>span{display:block;height:100%;background:var(--alarm)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .9rem;margin:.4rem 0}dt{color:var(--dim)}dd{margin:0;min-width:0}
ol.chain{list-style:none;padding:0;margin:.5rem 0;counter-reset:step}
ol.chain>li{counter-increment:step;position:relative;padding:.15rem 0 .7rem 2.6rem;border-left:2px solid var(--line);margin-left:.85rem}
ol.chain>li:last-child{border-left-color:transparent}
ol.chain>li::before{content:counter(step);position:absolute;left:-.85rem;top:.1rem;width:1.6rem;height:1.6rem;line-height:1.6rem;border-radius:50%;text-align:center;font-size:.8rem;background:var(--accent);color:var(--paper)}
ol.chain>li:target,article:target,figure:target{outline:2px solid var(--accent);outline-offset:4px;border-radius:4px}
.origin{font-size:.72rem;text-transform:uppercase;letter-spacing:.05em;color:var(--dim);border:1px solid var(--line);border-radius:4px;padding:0 .35rem;margin-right:.4rem;white-space:nowrap}
details{margin:.25rem 0}summary{cursor:pointer}summary code{color:var(--link)}.see{font-size:.85rem;margin-left:.6rem;white-space:nowrap}
figure{margin:1rem 0}figcaption{font-weight:600;margin-bottom:.3rem}figcaption .dim{font-weight:400}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px;background:var(--paper);padding:.4rem}
.legend{font-size:.8rem;color:var(--dim);margin:.4rem 0}.legend span{display:inline-block;margin-right:.8rem;white-space:nowrap}.legend i{display:inline-block;width:.9em;height:.9em;border:1px solid var(--line);border-radius:3px;margin-right:.3em;vertical-align:-.1em}
article{margin:1rem 0;padding:.1rem 0}article h3{margin:.2rem 0}
table{border-collapse:collapse;font-size:.88rem;width:100%}th,td{text-align:left;vertical-align:top;padding:.15rem .7rem .15rem 0;border-bottom:1px solid var(--line)}th{color:var(--dim);font-weight:400}
ol.frames{list-style:none;padding:0;margin:.4rem 0;font-size:.9rem}ol.frames>li{padding:.12rem 0 .12rem 2.4rem;text-indent:-2.4rem}ol.frames .n{display:inline-block;width:2.4rem;text-indent:0;color:var(--dim)}
ol.frames li>*{text-indent:0}ol.frames .bad{color:var(--alarm)}ul.plain{padding-left:1.2rem;margin:.4rem 0}
footer{margin-top:3rem;font-size:.85rem;color:var(--dim);border-top:1px solid var(--line);padding-top:.6rem}
svg{display:block;width:100%;min-width:44rem;max-width:60rem;height:auto;font:11px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
svg text{fill:var(--ink);white-space:pre}svg .dim,svg .label{fill:var(--dim)}svg .member{fill:var(--ink)}svg .strong{font-weight:700}svg .mark{fill:var(--alarm);font-weight:700}
svg .axis{stroke:var(--dim)}svg .arrowhead{fill:var(--dim)}svg .lane{stroke:var(--line);stroke-dasharray:3 4}
svg .event{stroke:var(--paper);stroke-width:1.5;fill:var(--accent)}svg .event.fatal{fill:var(--alarm)}svg .event.warning{fill:var(--warn)}svg .eventname{fill:var(--paper);font-weight:700;font-size:10px;pointer-events:none}
svg .tie{fill:none;stroke:var(--alarm);stroke-width:1.5;stroke-dasharray:5 3}svg .tiehead{fill:var(--alarm)}svg .tietext{fill:var(--alarm)}
svg .border{fill:none;stroke:var(--dim);stroke-width:1}svg .border.subject{stroke:var(--alarm);stroke-width:2}svg .bar{fill:var(--dim)}svg .bar.subject{fill:var(--alarm)}
svg .object{fill:var(--dim);font-weight:700}svg .object.subject{fill:var(--alarm)}svg .markedrow{fill:var(--alarm-soft)}
svg .word{stroke:var(--line)}
svg .zero,i.zero{fill:var(--zero);background:var(--zero)}svg .self,i.self{fill:var(--self);background:var(--self)}svg .number,i.number{fill:var(--number);background:var(--number)}
svg .word.text,i.text{fill:var(--text);background:var(--text)}svg .word.code,i.code{fill:var(--code);background:var(--code)}svg .word.data,i.data{fill:var(--data);background:var(--data)}
svg .word.stack,i.stack{fill:var(--stack);background:var(--stack)}svg .word.object,i.object{fill:var(--object);background:var(--object)}svg .word.mapped,i.mapped{fill:var(--mapped);background:var(--mapped)}
svg .word.user,i.user{fill:var(--user);background:var(--user)}svg .word.errno,i.errno{fill:var(--errno);background:var(--errno)}svg .word.poison,i.poison{fill:var(--poison);background:var(--poison)}
svg .word.stray,i.stray{fill:var(--stray);background:var(--stray)}svg .word.unread,i.unread{fill:var(--unread);background:var(--unread);stroke-dasharray:3 3}
svg .cell{fill:var(--raised);stroke:var(--line)}svg .cell.marked{fill:var(--alarm-soft);stroke:var(--alarm);stroke-width:2}svg .cell.hole{fill:none;stroke-dasharray:3 3}svg .union{fill:none;stroke:var(--accent);stroke-width:1.5}
svg .step{fill:var(--raised);stroke:var(--line)}svg .step.birth{stroke:var(--accent);stroke-width:2}svg .step.fault{fill:var(--alarm-soft);stroke:var(--alarm);stroke-width:2}svg .flow{stroke:var(--dim);stroke-width:1.5}svg .flowhead{fill:var(--dim)}
svg .node{fill:var(--raised);stroke:var(--dim);rx:6}svg .node.lock{fill:var(--object);rx:0}svg .node.cycle{stroke:var(--alarm);stroke-width:2}svg .wait{stroke:var(--dim);stroke-width:1.3}svg .wait.cycle{stroke:var(--alarm);stroke-width:2}svg .waithead{fill:var(--dim)}svg .waithead.cycle{fill:var(--alarm)}
svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:3px}
@media (max-width:40rem){body{padding:.7rem .8rem 2rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.35rem}ol.chain>li{padding-left:1.4rem}}
@media print{:root{color-scheme:light;--paper:#fff;--raised:#f6f7f9;--ink:#000;--dim:#444;--line:#bbb;--link:#000;--alarm:#b3261e;--alarm-soft:#fdecea;--warn:#8a5a00;--accent:#5b3fb8;
--zero:#eef0f2;--self:#ffd9a8;--number:#e3e8ee;--text:#d9f2d0;--code:#cfe6ff;--data:#d6f0f2;--stack:#e8dcff;--object:#fff0b8;--mapped:#e9f0d8;--user:#f6dcef;--errno:#ffd6d6;--poison:#ffb8b3;--stray:#ffcfe0;--unread:#fff}
html{font-size:10pt}body{max-width:none;padding:0}nav{display:none}a{text-decoration:none}pre{white-space:pre-wrap;max-height:none;overflow:visible;font-size:7.5pt}svg{min-width:0}.scroll{overflow:visible}
h2,h3,figcaption{break-after:avoid}figure,.verdict,ol.chain>li>p{break-inside:avoid}details.proof::details-content,details.paper::details-content{content-visibility:visible;block-size:auto}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
)css";
}

}  // namespace inquest::report
