/**
 * Alert: a rule of Prometheus as data, with the series on which it fires and those on which it keeps quiet.
 *
 * `value` is what is watched and must bring data from a fleet under load; `condition` is what is wrong with it. The two
 * samples are run by `promtool test rules`. What to do about an alert is in `docs/runbooks/<name>.md`.
 */

export interface Alert {
  readonly name: `Snowshed${string}`;
  /** `critical`: calls fail now, wake somebody. `warning`: look at it today. */
  readonly severity: 'critical' | 'warning';
  /** For how long it has to be wrong. */
  readonly holds: string;
  readonly value: string;
  readonly condition: Condition;
  readonly summary: string;
  readonly description: string;
  /** Why the value may be zero, or not there, in a fleet that fares as in the test. */
  readonly quiet?: string;
  readonly fires: Sample;
  readonly silent: Sample;
  /** A fleet in which hardly anything happens, where a share of that says nothing. */
  readonly calm?: Sample;
}

/** What follows the value, such as `> 0.25`; `absent`: that no process brings it. */
type Condition = 'absent' | `${'>' | '<' | '==' | '!='} ${string}`;

/** Series in promtool's notation, a value a minute, and after how many minutes the rule is looked at. */
export interface Sample {
  readonly atMinutes: number;
  readonly series: Readonly<Record<string, string>>;
}

export interface AlertGroup {
  readonly name: string;
  readonly alerts: readonly Alert[];
}

/** The chart puts its own address before it; so it stands, it is a path in the repository. */
const runbooks = 'docs/runbooks';

export function runbookOf({ name }: Pick<Alert, 'name'>): string {
  return `${runbooks}/${name}.md`;
}

export function exprOf({ value, condition }: Pick<Alert, 'value' | 'condition'>): string {
  if (condition === 'absent') return `absent(${value})`;
  // A comparison binds tighter than `and`.
  return / (and|or|unless) /.test(value) ? `(${value}) ${condition}` : `${value} ${condition}`;
}

/** The body of a rule file, which is also that of a PrometheusRule (`spec`). */
export function ruleGroups(groups: readonly AlertGroup[]) {
  return { groups: groups.map(({ name, alerts }) => ({ name, rules: alerts.map(ruleOf) })) };
}

function ruleOf(alert: Alert) {
  return {
    alert: alert.name,
    expr: exprOf(alert),
    for: alert.holds,
    labels: { severity: alert.severity },
    annotations: {
      summary: alert.summary,
      description: alert.description,
      runbook_url: runbookOf(alert),
    },
  };
}
