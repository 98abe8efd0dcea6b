/**
 * Grafana: boards written as the JSON that Grafana imports, by its own SDK.
 *
 * The reader chooses a data source, jobs and pods; each board links to the others. Panels of one row share its width.
 */

import {
  BigValueColorMode,
  BigValueGraphMode,
  type DataSourceRef,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import type { Board, Panel, Query, Row } from './board.ts';

const source: DataSourceRef = { type: 'prometheus', uid: '$datasource' };
const tag = 'snowshed';
const columns = 24;
const valueHeight = 4;
const graphHeight = 8;

export function grafanaJson(board: Board): string {
  return `${JSON.stringify(dashboardOf(board), undefined, 2)}\n`;
}

/** What the variables `job` and `pod` are asked of Prometheus, by their names. */
export function variableQueries({ anchor }: Board): Readonly<Record<string, string>> {
  return { job: `label_values(${anchor}, job)`, pod: `label_values(${anchor}{job=~"$job"}, pod)` };
}

export function dashboardOf(board: Board): Dashboard {
  const builder = new DashboardBuilder(board.title)
    .uid(board.name)
    .description(board.description)
    .tags([tag])
    .timezone('browser')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .link(
      new DashboardLinkBuilder('Snowshed')
        .type(DashboardLinkType.Dashboards)
        .tags([tag])
        .asDropdown(true)
        .includeVars(false)
        .keepTime(true),
    )
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));
  for (const [name, query] of Object.entries(variableQueries(board))) {
    builder.withVariable(choice(name, query));
  }
  let id = 0;
  for (const row of board.rows) {
    builder.withRow(new RowBuilder(row.title).id(++id));
    for (const panel of row.panels) builder.withPanel(panelBuilder(panel, sizeIn(row)).id(++id));
  }
  return builder.build();
}

/** Any number of the values that there are. All of them also means processes without such a label. */
function choice(name: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(name === 'job' ? 'Job' : 'Pod')
    .query(query)
    .datasource(source)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ text: 'All', value: '$__all', selected: true })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

/** Values alone lie low, up to six side by side; graphs up to four, and more of them in threes. */
function sizeIn({ panels }: Row): { span: number; height: number } {
  const values = panels.every(({ draws }) => draws === 'value');
  const abreast = panels.length <= (values ? 6 : 4) ? panels.length : 3;
  return { span: Math.floor(columns / abreast), height: values ? valueHeight : graphHeight };
}

function panelBuilder(
  panel: Panel,
  { span, height }: { readonly span: number; readonly height: number },
): timeseries.PanelBuilder | stat.PanelBuilder {
  const builder = panel.draws === 'value' ? valueBuilder(panel) : graphBuilder(panel);
  builder
    .title(panel.title)
    .description(panel.description)
    .unit(panel.unit)
    .datasource(source)
    .span(span)
    .height(height)
    .targets(panel.queries.map(targetBuilder));
  if (panel.max !== undefined) builder.max(panel.max);
  return builder.min(0).thresholds(thresholdsOf(panel));
}

function targetBuilder({ expr, legend }: Query, index: number): DataqueryBuilder {
  return new DataqueryBuilder()
    .refId(String.fromCharCode(65 + index))
    .datasource(source)
    .expr(expr)
    .legendFormat(legend)
    .range();
}

function valueBuilder(panel: Panel): stat.PanelBuilder {
  return new stat.PanelBuilder()
    .graphMode(BigValueGraphMode.Area)
    .colorMode(panel.limits === undefined ? BigValueColorMode.None : BigValueColorMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']));
}

function graphBuilder({ draws, limits }: Panel): timeseries.PanelBuilder {
  const builder = new timeseries.PanelBuilder()
    .lineWidth(1)
    .fillOpacity(draws === 'areas' ? 40 : 8)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  if (draws === 'areas') builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  if (limits !== undefined) {
    builder.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
  }
  return builder;
}

function thresholdsOf({ limits }: Panel): ThresholdsConfigBuilder {
  const steps = [{ color: 'green', value: null }];
  const bounds = limits && [
    { color: 'orange', value: limits.warn },
    { color: 'red', value: limits.bad },
  ];
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...steps, ...(bounds ?? [])]);
}
