// Opens reports in Debian's chromium and looks at them as a reader would: usage: node check.mjs MODULES CHROMIUM FOLDER REPORT... ; a REPORT named hostile* must show markup as text.
// Prints "FAILED: …" for each thing that is wrong; exit status 1 if any. Screenshots are left in FOLDER.
import { createRequire } from 'node:module';
import path from 'node:path';

const [, , modules, executablePath, folder, ...reports] = process.argv;
const { chromium } = createRequire(path.resolve(modules) + '/')('playwright-core');
let passed = 0, failed = 0;

function check(what, condition, detail = '') {
  if (condition) passed++;
  else {
    failed++;
    console.log(`FAILED: ${what} ${typeof detail === 'string' ? detail : JSON.stringify(detail)}`);
  }
}

// What needs no eyes: in the page's own words.
function survey() {
  const wide = document.documentElement.clientWidth;
  const scrolls = e => e.closest('.scroll, pre') && !e.matches('.scroll, pre');
  const all = [...document.querySelectorAll('body *')];
  const overflowing = all.filter(e => !scrolls(e) && e.getBoundingClientRect().width > 0 && e.getBoundingClientRect().right > wide + 1).map(e => e.outerHTML.slice(0, 120));
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  const links = [...document.querySelectorAll('a[href]')].map(e => e.getAttribute('href'));
  const outside = [];
  for (const svg of document.querySelectorAll('svg')) {
    const box = svg.viewBox.baseVal;
    for (const text of svg.querySelectorAll('text')) {
      const b = text.getBBox();
      if (b.x < box.x - 1 || b.y < box.y - 1 || b.x + b.width > box.width + 1 || b.y + b.height > box.height + 1) outside.push(text.textContent);
    }
  }
  return {
    overflow: document.documentElement.scrollWidth - wide,
    overflowing,
    twice: ids.filter((id, i) => ids.indexOf(id) !== i),
    foreign: links.filter(l => !l.startsWith('#')),
    dangling: links.filter(l => l.startsWith('#') && !document.getElementById(l.slice(1))),
    links: links.length,
    scripts: document.querySelectorAll('script, iframe, img, object, embed, link, form').length,
    handlers: all.filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length,
    policy: document.querySelector('meta[http-equiv="Content-Security-Policy"]')?.content || '',
    first: document.querySelector('main h2')?.parentElement.id,
    steps: document.querySelectorAll('ol.chain > li').length,
    proofs: document.querySelectorAll('ol.chain > li details.proof pre').length,
    pictures: [...document.querySelectorAll('figure')].map(f => f.id),
    outside,
    pwned: window.pwned,
    text: document.body.textContent,
  };
}

// Text against what is behind it, by WCAG's formula.
function contrasts() {
  const parse = c => (c.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length && (c.length < 4 || c[3] > 0)) return c;
    }
    return [255, 255, 255];
  };
  let worst = { ratio: 99 };
  for (const e of document.querySelectorAll('p, dd, dt, li, h1, h2, h3, code, pre, a, span.origin')) {
    if (!e.getBoundingClientRect().width) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst.ratio) worst = { ratio, what: e.outerHTML.slice(0, 100) };
  }
  return worst;
}

async function open(browser, file, options, noise) {
  const page = await (await browser.newContext(options)).newPage();
  page.on('console', m => noise.push(`console ${m.type()}: ${m.text()}`));
  page.on('pageerror', e => noise.push(`page error: ${e}`));
  page.on('dialog', d => { noise.push(`dialog: ${d.message()}`); d.dismiss(); });
  page.on('request', r => { if (!r.url().startsWith('file://') || !r.url().endsWith(path.basename(file))) noise.push(`request: ${r.url()}`); });
  await page.goto('file://' + path.resolve(file));
  return page;
}

async function check_links(page, name) {
  const targets = [...new Set(await page.$$eval('a[href^="#"]', list => list.map(a => a.getAttribute('href'))))];
  for (const target of targets) {
    const link = page.locator(`a[href="${target}"]`).first();
    await link.scrollIntoViewIfNeeded();
    await link.click();
    const seen = await page.evaluate(id => {
      const box = document.getElementById(id).getBoundingClientRect();
      return location.hash === '#' + id && box.top < innerHeight && box.bottom > 0;
    }, target.slice(1));
    check(`${name}: the link ${target} leads there`, seen);
  }
}

async function check_proofs(page, name) {
  for (const proof of await page.locator('ol.chain details.proof').all()) {
    await proof.locator('summary').click();
    const height = await proof.evaluate(d => d.querySelector('pre, p')?.getBoundingClientRect().height || 0);
    check(`${name}: a proof opens`, height > 10, await proof.innerText());
  }
}

async function check_paper(page, name) {
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  const shown = await page.evaluate(() => ({
    proofs: [...document.querySelectorAll('details.proof pre')].every(p => p.getBoundingClientRect().height > 10),
    paper: getComputedStyle(document.documentElement).backgroundColor,
  }));
  check(`${name}: proofs are on paper`, shown.proofs);
  check(`${name}: paper is white`, shown.paper === 'rgb(255, 255, 255)', shown.paper);
  const pdf = await page.pdf({ path: path.join(folder, name + '.pdf'), format: 'A4', margin: { top: '15mm', bottom: '15mm', left: '15mm', right: '15mm' }, printBackground: true });
  check(`${name}: a PDF`, pdf.length > 10000, pdf.length);
}

async function check_report(browser, file) {
  const name = path.basename(file, '.html'), hostile = name.startsWith('hostile');
  for (const [width, colorScheme, javaScriptEnabled] of [[400, 'dark', true], [1600, 'light', false], [1600, 'light', true]]) {
    const noise = [], view = `${name} at ${width}${javaScriptEnabled ? '' : ' without scripts'}`;
    const page = await open(browser, file, { viewport: { width, height: 900 }, colorScheme, javaScriptEnabled }, noise);
    const s = await page.evaluate(survey);
    check(`${view}: the console is silent`, noise.length === 0, noise);
    check(`${view}: no overflow`, s.overflow <= 0 && s.overflowing.length === 0, s.overflowing);
    check(`${view}: every id once`, s.twice.length === 0, s.twice);
    check(`${view}: no link leads out or nowhere`, s.links > 5 && s.foreign.length === 0 && s.dangling.length === 0, [s.foreign, s.dangling]);
    check(`${view}: nothing that runs or loads`, s.scripts === 0 && s.handlers === 0 && s.pwned === undefined, [s.scripts, s.handlers, s.pwned]);
    check(`${view}: the policy forbids fetching`, s.policy.includes("default-src 'none'"), s.policy);
    check(`${view}: the verdict is first`, s.first === 'verdict', s.first);
    check(`${view}: evidence`, s.steps > 1 && s.proofs === s.steps, [s.steps, s.proofs]);
    check(`${view}: pictures' words are inside them`, s.outside.length === 0, s.outside);
    if (!hostile) check(`${view}: the pictures`, ['timeline', 'journey', 'memory', 'layout'].every(p => s.pictures.includes(p)), s.pictures);
    if (hostile) check(`${view}: markup is shown as text`, s.text.includes('<script>alert(1') && s.text.includes('lib/<script>window.pwned=3</script>.c'), s.text.slice(0, 400));
    const worst = await page.evaluate(contrasts);
    check(`${view}: contrast of text (${colorScheme})`, worst.ratio >= 4.5, worst);
    await page.screenshot({ path: path.join(folder, `${name}-${width}.png`), fullPage: true });
    if (width === 1600 && javaScriptEnabled && !hostile) {
      await check_links(page, view);
      await check_proofs(page, view);
      await check_paper(page, name);
    }
    check(`${view}: the console stayed silent`, noise.length === 0, noise);
    await page.context().close();
  }
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  for (const report of reports) await check_report(browser, report);
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
