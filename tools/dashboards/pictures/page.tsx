/**
 * Picture page: one board, drawn with @grafana/ui out of its own JSON and the answers of Prometheus; not Grafana itself.
 *
 * `pictures.ts` bundles it, opens it in Chromium with `window.picture` set, and takes the picture when it says that it is drawn.
 */

import {
  createDataFrame,
  createTheme,
  dateTime,
  FieldColorModeId,
  FieldType,
  getDisplayProcessor,
  ThresholdsMode,
} from '@grafana/data';
import {
  BigValue,
  BigValueColorMode,
  BigValueGraphMode,
  LegendDisplayMode,
  PanelChrome,
  PanelContextProvider,
  ThemeContext,
  TimeSeries,
} from '@grafana/ui';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';

const { dashboard, answers, fromS, toS, caption } = window.picture;
const theme = createTheme({ colors: { mode: 'light' } });
const cellPixels = 36;
const gapPixels = 8;
const columns = 24;
const widthPixels = window.innerWidth - 2 * gapPixels;

function Board() {
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  return (
    <div
      style={{
        background: theme.colors.background.canvas,
        color: theme.colors.text.primary,
        padding: gapPixels,
      }}
    >
      <div style={{ display: 'flex', alignItems: 'baseline', gap: 16, margin: '4px 8px 12px' }}>
        <span style={{ fontSize: 20, fontWeight: 500 }}>{dashboard.title}</span>
        <span style={{ color: theme.colors.text.secondary, fontSize: 13 }}>{caption}</span>
      </div>
      <div style={{ position: 'relative', height: bottom * cellPixels }}>
        {dashboard.panels.map((panel) => (
          <Place key={panel.id} panel={panel} />
        ))}
      </div>
    </div>
  );
}

function Place({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const width = (w * widthPixels) / columns - gapPixels;
  const height = h * cellPixels - gapPixels;
  const style = {
    position: 'absolute',
    left: (x * widthPixels) / columns,
    top: y * cellPixels,
    width,
    height,
  };
  if (panel.type === 'row') {
    return <div style={{ ...style, fontWeight: 500, fontSize: 15, padding: '6px 8px' }}>{panel.title}</div>;
  }
  return (
    <div style={style}>
      <PanelChrome title={panel.title} width={width} height={height} padding="md">
        {(innerWidth, innerHeight) =>
          panel.type === 'stat' ? (
            <Value panel={panel} width={innerWidth} height={innerHeight} />
          ) : (
            <Graph panel={panel} width={innerWidth} height={innerHeight} />
          )
        }
      </PanelChrome>
    </div>
  );
}

function Graph({ panel, width, height }) {
  const frames = framesOf(panel);
  if (frames.length === 0) return <div>No data</div>;
  const timeRange = { from: dateTime(fromS * 1000), to: dateTime(toS * 1000), raw: { from: '', to: '' } };
  const legend = { showLegend: true, displayMode: LegendDisplayMode.List, placement: 'bottom', calcs: [] };
  return (
    <TimeSeries
      frames={frames}
      structureRev={1}
      timeRange={timeRange}
      timeZone="utc"
      legend={legend}
      options={{}}
      width={width}
      height={height}
    />
  );
}

function Value({ panel, width, height }) {
  const [frame] = framesOf(panel);
  if (frame === undefined) return <div>No data</div>;
  const [time, field] = frame.fields;
  const last = field.values.findLast((value) => value !== null);
  return (
    <BigValue
      value={field.display(last)}
      sparkline={{ x: time, y: field, timeRange: undefined }}
      graphMode={BigValueGraphMode.Area}
      colorMode={panel.options.colorMode === 'none' ? BigValueColorMode.None : BigValueColorMode.Value}
      width={width}
      height={height}
      theme={theme}
    />
  );
}

/** A frame for each series, with the configuration of the panel; what it leaves out is as in Grafana. */
function framesOf(panel) {
  const { defaults } = panel.fieldConfig;
  const custom = {
    ...{
      drawStyle: 'line',
      lineInterpolation: 'linear',
      pointSize: 5,
      spanNulls: false,
      axisPlacement: 'auto',
    },
    ...{ scaleDistribution: { type: 'linear' }, hideFrom: { legend: false, tooltip: false, viz: false } },
    ...{ stacking: { group: 'A', mode: 'none' }, ...defaults.custom },
  };
  if (custom.stacking.mode === 'normal') custom.stacking = { group: 'A', mode: 'normal' };
  const thresholds = {
    mode: ThresholdsMode.Absolute,
    steps: [{ color: 'green', value: -Infinity }, ...defaults.thresholds.steps.slice(1)],
  };
  const byThreshold = panel.type === 'stat' && panel.options.colorMode !== 'none';
  const color = { mode: byThreshold ? FieldColorModeId.Thresholds : FieldColorModeId.PaletteClassic };
  const config = { ...defaults, custom, thresholds, color };
  const series = answers[panel.id] ?? [];
  const values = series.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite);
  const [min, max] = [Math.min(defaults.min ?? 0, ...values), Math.max(defaults.max ?? 0, ...values)];
  return series.map(({ name, points }, seriesIndex) => {
    const frame = createDataFrame({
      fields: [
        { name: 'time', type: FieldType.time, values: points.map(([atS]) => atS * 1000), config: {} },
        {
          name,
          type: FieldType.number,
          values: points.map(([, value]) => value),
          config: { ...config, displayName: name },
        },
      ],
    });
    for (const [i, field] of frame.fields.entries()) {
      field.state = {
        seriesIndex,
        displayName: field.name,
        origin: { frameIndex: seriesIndex, fieldIndex: i },
        range: { min, max, delta: max - min },
      };
      field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
    }
    return frame;
  });
}

/** Charts draw themselves in the frame after the one in which they are placed. */
function Drawn() {
  const [drawn, setDrawn] = useState(false);
  useEffect(() => void setTimeout(() => setDrawn(true), 1_000), []);
  return drawn ? <div data-drawn /> : null;
}

/** Nothing happens on a picture. */
const silence = { subscribe: () => ({ unsubscribe() {} }) };
const eventBus = {
  publish() {},
  subscribe: silence.subscribe,
  getStream: () => ({ ...silence, pipe: () => silence }),
};
createRoot(document.getElementById('board')).render(
  <ThemeContext.Provider value={theme}>
    <PanelContextProvider value={{ eventBus, eventsScope: 'global' }}>
      <Board />
      <Drawn />
    </PanelContextProvider>
  </ThemeContext.Provider>,
);
