/** Alerts: all of them, and the rule file that they are written to. */

import { yaml } from '../docs/yaml.ts';
import { type Alert, type AlertGroup, ruleGroups } from './alert.ts';
import { busAlerts } from './bus.ts';
import { doorAlerts } from './door.ts';
import { processAlerts } from './processes.ts';
import { routerAlerts } from './routers.ts';
import { serviceAlerts } from './service.ts';

const groups: readonly AlertGroup[] = [serviceAlerts, doorAlerts, processAlerts, routerAlerts, busAlerts];

export const alerts: readonly Alert[] = groups.flatMap((group) => group.alerts);

const intro = `# Made from tools/alerts/ by \`npm run docs\`: the body (spec) of a PrometheusRule, and a rule file of Prometheus as it stands.
`;

/** Texts by their path from the root of the repository. */
export const alertFiles: Readonly<Record<string, () => string>> = {
  'helm/alerts/snowshed.yaml': () => intro + yaml(ruleGroups(groups)),
};
