'use strict';

// The video engines, as the t2v processes see them. The panel shows where there is one, and opens by itself where one ails.

let engines = [];

async function loadEngines() {
  engines = (await call('GET', '/v1/engines')).engines;
  drawEngines();
}

function drawEngines() {
  const box = $('engines');
  const ail = engines.filter((e) => e.state !== 'ready');
  const next = JSON.stringify([engines, language]);
  if (box.dataset.key === next) return;
  if (ail.length > 0 && box.hidden) box.open = true;
  box.dataset.key = next;
  box.hidden = engines.length === 0;
  box.replaceChildren(h('summary', {}, t('engines', engines.length), ail.length > 0 && h('span', { class: 'pill needs_person' }, t('engine.' + ail[0].state))),
    h('ul', {}, engines.map((e) => h('li', { title: e.process },
      h('div', { class: 'title' }, h('b', {}, e.name), h('span', { class: 'pill ' + (e.state === 'ready' ? 'approved' : 'needs_person') }, t('engine.' + e.state))),
      h('p', { class: 'about' }, [e.running > 0 && t('engine.running', e.running), e.openings > 0 && t('engine.openings', e.openings)].filter(Boolean).join(' · ')),
      e.why && h('p', { class: 'reason' }, said(e.why, e.chinese))))));
}
