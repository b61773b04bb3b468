// Plays the growing preview of a clip where the browser does not play HLS by itself: byte ranges of the recording, put into a
// MediaSource one after another until the playlist ends.
'use strict';

function playPreview(address) {
  const element = document.createElement('video');
  Object.assign(element, { controls: true, autoplay: true, playsInline: true, muted: false });
  const media = new MediaSource();
  element.src = URL.createObjectURL(media);
  media.addEventListener('sourceopen', () => {
    URL.revokeObjectURL(element.src);
    fill(element, media, address).catch((e) => { element.dataset.why = String(e); if (media.readyState === 'open') media.endOfStream('network'); });
  }, { once: true });
  return element;
}

async function fill(element, media, address) {
  let buffer = null;
  let head = '';
  for (let given = 0; media.readyState === 'open';) {
    const list = playlist(await (await get(address)).text(), address);
    for (const part of list.parts.slice(given)) {
      if (part.map.key !== head) {
        const init = await bytes(part.map);
        const type = `video/mp4; codecs="${codecs(init)}"`;
        if (buffer) buffer.changeType(type);
        else buffer = media.addSourceBuffer(type);
        await append(buffer, init);
        head = part.map.key;
      }
      const data = await bytes(part);
      await append(buffer, data);
      if (given++ === 0 && buffer.buffered.length > 0) { // the recording's own time would make a long, empty bar
        buffer.timestampOffset = -buffer.buffered.start(0);
        await remove(buffer);
        await append(buffer, data);
        element.currentTime = list.offset;
      }
    }
    if (list.ended) { media.endOfStream(); return; }
    await new Promise((done) => setTimeout(done, 500));
    if (!element.isConnected) return;
  }
}

async function get(address, headers) {
  const answer = await fetch(address, { headers });
  if (!answer.ok) throw new Error(answer.statusText);
  return answer;
}

async function bytes({ url, from, size }) {
  return new Uint8Array(await (await get(url, { Range: `bytes=${from}-${from + size - 1}` })).arrayBuffer());
}

function append(buffer, data) {
  return new Promise((done, failed) => {
    buffer.addEventListener('updateend', done, { once: true });
    buffer.addEventListener('error', failed, { once: true });
    buffer.appendBuffer(data);
  });
}

function remove(buffer) {
  return new Promise((done) => {
    buffer.addEventListener('updateend', done, { once: true });
    buffer.remove(0, Infinity);
  });
}

// playlist reads what the server writes: each part with its bytes and its initialisation segment's.
function playlist(text, base) {
  const range = (line) => { const [size, from] = line.split('@').map(Number); return { size, from }; };
  const list = { parts: [], ended: false, offset: 0 };
  let map = null, place = null;
  for (const line of text.split('\n')) {
    if (line.startsWith('#EXT-X-MAP:')) {
      const [, uri, bytes] = /URI="([^"]*)",BYTERANGE="([^"]*)"/.exec(line);
      map = { url: new URL(uri, new URL(base, location.href)).href, ...range(bytes), key: uri + bytes };
    } else if (line.startsWith('#EXT-X-BYTERANGE:')) place = range(line.slice(17));
    else if (line.startsWith('#EXT-X-START:')) list.offset = parseFloat(/TIME-OFFSET=([\d.]+)/.exec(line)[1]);
    else if (line === '#EXT-X-ENDLIST') list.ended = true;
    else if (line && !line.startsWith('#')) list.parts.push({ url: new URL(line, new URL(base, location.href)).href, ...place, map });
  }
  return list;
}

// codecs names what an initialisation segment holds, as RFC 6381 does.
function codecs(init) {
  const hex = (n) => n.toString(16).padStart(2, '0');
  const find = (name) => {
    const code = [...name].map((c) => c.charCodeAt(0));
    for (let i = 0; i + 8 < init.length; i++) if (code.every((c, k) => init[i + k] === c)) return i + 4;
    return -1;
  };
  const names = [];
  const avc = find('avcC');
  if (avc > 0) names.push('avc1.' + hex(init[avc + 1]) + hex(init[avc + 2]) + hex(init[avc + 3]));
  else if (find('hvcC') > 0) names.push('hvc1.1.6.L120.B0');
  if (find('dOps') > 0) names.push('opus');
  else if (find('esds') > 0) names.push(find('.mp3') > 0 ? 'mp3' : 'mp4a.40.2');
  return names.join(',');
}
