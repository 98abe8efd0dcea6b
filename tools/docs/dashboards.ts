/** Dashboards page: the boards with their pictures, and the alerts with their runbooks, out of what both are made from. */

import { runbookOf } from '../alerts/alert.ts';
import { alerts } from '../alerts/alerts.ts';
import { boards } from '../dashboards/boards.ts';
import { table } from './markdown.ts';

const intro = `# Dashboards and alerts

<!-- Made from tools/dashboards/ and tools/alerts/ by \`npm run docs\`. -->

\`helm/dashboards/\` has the boards as JSON for Grafana, \`helm/alerts/\` the alerts as a rule file for Prometheus; the chart brings both to the
cluster (\`monitoring\` in its values). Without the chart: import the boards in Grafana, and name the rule file under \`rule_files\`.

Each board asks for a data source, jobs and pods. Series need the labels \`job\`, \`pod\` and \`namespace\`, as a PodMonitor gives them; without \`pod\` a
board works with all chosen. Alerts take a namespace for one deployment. What is counted is in [metrics](metrics.md).

Nothing here is only written down: \`test/observation/\` starts two gateways, two routers, NATS and a Prometheus, lets callers talk while clients
err, linger and crowd in and a router, the bus and a gateway die, and then runs every expression of every panel and alert. Each has to bring data, and more
than zero, unless its source says why it may be quiet. Each alert is tried by \`promtool test rules\` on series on which it fires, and on series like them on
which it does not.

## Boards

The pictures are drawn from the data of such a load (\`node tools/board-pictures.ts\`, three minutes on two busy cores) with \`@grafana/ui\`, the
components of Grafana; they are not pictures of Grafana itself.
`;

const alertIntro = `
## Alerts

\`critical\`: calls fail now, wake somebody. \`warning\`: look at it today. The annotation \`runbook_url\` is the path of the runbook in this
repository; with the chart's value \`monitoring.prometheusRule.runbooks\` it becomes an address.
`;

export function dashboardsPage(): string {
  return [intro, ...boards.map(boardSection), alertIntro, `${alertTable()}\n`].join('\n');
}

function boardSection({ name, title, description, rows }: (typeof boards)[number]): string {
  const short = title.replace('Snowshed / ', '');
  const shows = rows.map((row) => `*${row.title}*: ${row.panels.map((panel) => panel.title).join(', ')}`);
  const picture = `![The board ${short}, drawn from the data of a test load with @grafana/ui](images/${name.replace('snowshed', 'dashboard')}.png)`;
  return `### ${short}\n\n${description}\n\n${shows.map((line) => `- ${line}`).join('\n')}\n\n${picture}\n`;
}

function alertTable(): string {
  const rows = alerts.map((alert) => [
    `[${alert.name}](${runbookOf(alert).replace('docs/', '')})`,
    alert.severity,
    alert.holds,
    alert.summary,
  ]);
  return table(['Alert', 'Severity', 'For', 'What'], rows);
}
