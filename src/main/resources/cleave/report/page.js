'use strict';
// Shows the value under the pointer, or under a cursor moved with the arrow keys.
(() => {
  const { figures } = JSON.parse(document.getElementById('data').textContent);

  const shown = value => value === null ? 'none' : String(value);

  function chart(element, values) {
    const svg = element.querySelector('svg');
    const line = svg.querySelector('.cursor');
    const readout = element.querySelector('.readout');
    const legend = element.parentElement.querySelector('.keys');
    let at = values.x.length - 1;

    function show(index) {
      at = Math.max(0, Math.min(values.x.length - 1, index));
      line.setAttribute('x1', values.pixels[at]);
      line.setAttribute('x2', values.pixels[at]);
      line.setAttribute('visibility', 'visible');
      const x = values.x[at].toLocaleString('en');
      if (legend) {
        legend.querySelector('[data-at]').textContent = `at ${values.x_name} ${x}`;
        for (const cell of legend.querySelectorAll('[data-series]')) {
          cell.textContent = shown(values.series[cell.dataset.series].y[at]);
        }
      }
      const named = values.series.filter(series => series.y[at] !== null || values.series.length === 1);
      readout.textContent = legend
        ? `${values.x_name} ${x}`
        : `${values.x_name} ${x}: ` + named.map(series => `${series.name} ${shown(series.y[at])}`).join(', ');
    }

    function nearest(x) {
      let best = 0;
      values.pixels.forEach((pixel, index) => {
        if (Math.abs(pixel - x) < Math.abs(values.pixels[best] - x)) best = index;
      });
      return best;
    }

    svg.addEventListener('pointermove', event => show(nearest(event.clientX - svg.getBoundingClientRect().left)));
    return (right, down) => { show(at + right); return right !== 0; };
  }

  function heat(element, values) {
    const svg = element.querySelector('svg.map');
    const box = svg.querySelector('.cursor');
    const readout = element.querySelector('.readout');
    let block = null;
    let row = 0;
    let column = 0;

    function show() {
      box.setAttribute('x', block.x + column * block.w);
      box.setAttribute('y', block.y + row * block.h);
      box.setAttribute('width', block.w);
      box.setAttribute('height', block.h);
      box.setAttribute('visibility', 'visible');
      readout.textContent =
        `${block.rows[row]}, ${block.columns[column]}: ${values.value} ${shown(block.values[row][column])}`;
    }

    function find(x, y) {
      for (const each of values.blocks) {
        const r = Math.floor((y - each.y) / each.h);
        const c = Math.floor((x - each.x) / each.w);
        if (r >= 0 && r < each.rows.length && c >= 0 && c < each.columns.length) {
          [block, row, column] = [each, r, c];
          return true;
        }
      }
      return false;
    }

    // From the edge of a block to the nearest cell of the next one in that direction.
    function beyond(right, down) {
      const x = block.x + (column + 0.5) * block.w;
      const y = block.y + (row + 0.5) * block.h;
      let best = null;
      for (const each of values.blocks) {
        const ahead = right
          ? right * (each.x - block.x)
          : down * (each.y - block.y);
        const across = right ? each.y <= y && y < each.y + each.h * each.rows.length
          : each.x <= x && x < each.x + each.w * each.columns.length;
        if (ahead > 0 && across && (best === null || ahead < best.ahead)) best = { each, ahead };
      }
      if (best === null) return;
      const each = best.each;
      const clamp = (value, size) => Math.max(0, Math.min(size - 1, value));
      row = down ? (down > 0 ? 0 : each.rows.length - 1)
        : clamp(Math.floor((y - each.y) / each.h), each.rows.length);
      column = right ? (right > 0 ? 0 : each.columns.length - 1)
        : clamp(Math.floor((x - each.x) / each.w), each.columns.length);
      block = each;
    }

    svg.addEventListener('pointermove', event => {
      const edge = svg.getBoundingClientRect();
      if (find(event.clientX - edge.left, event.clientY - edge.top)) show();
    });
    return (right, down) => {
      if (block === null) {
        block = values.blocks[0];
      } else {
        const r = row + down;
        const c = column + right;
        if (r >= 0 && r < block.rows.length && c >= 0 && c < block.columns.length) {
          [row, column] = [r, c];
        } else {
          beyond(right, down);
        }
      }
      show();
      return true;
    };
  }

  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  for (const element of document.querySelectorAll('[data-figure]')) {
    const values = figures[element.dataset.figure];
    const readout = element.querySelector('.readout');
    readout.hidden = false;
    const move = values.kind === 'chart' ? chart(element, values) : heat(element, values);
    element.querySelector('.scroll').addEventListener('keydown', event => {
      const by = moves[event.key];
      if (by && !event.altKey && !event.ctrlKey && !event.metaKey && move(...by)) {
        event.preventDefault();
      }
    });
  }
})();
