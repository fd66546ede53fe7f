import type pg from 'pg';

type Node = {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: Node[];
};

export type Explained = {
  sequentialScans: string[];
  /** Rows that went through a sort. */
  rowsSorted: number;
  /** Rows that scans of a table looked at. */
  rowsRead: (table: string) => number;
  /** Pages of tables and indexes that all of it together touched, each as often as it did. */
  pages: number;
};

/**
 * Runs statements with every statement inside their functions explained as it ran: which tables were read from end to
 * end, and how many rows left a scan or were thrown away by one. Counts, unlike times, are the same on every machine.
 */
export async function explainAll(client: pg.ClientBase, work: () => Promise<unknown>): Promise<Explained> {
  const plans: Node[] = [];
  const collect = (notice: { message?: string | undefined }) => {
    const json = notice.message?.match(/^duration: .* plan:\n(\{[\s\S]*\})$/)?.[1];
    if (json) plans.push((JSON.parse(json) as { Plan: Node }).Plan);
  };
  await client.query(`load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_analyze = on;
    set auto_explain.log_timing = off; set auto_explain.log_buffers = on; set auto_explain.log_nested_statements = on;
    set auto_explain.log_format = json; set client_min_messages = log`);
  client.on('notice', collect);
  try {
    await work();
  } finally {
    client.off('notice', collect);
    await client.query('set auto_explain.log_min_duration = -1; reset client_min_messages');
  }
  const nodes = plans.flatMap(allNodes);
  const scans = nodes.filter(
    (node) => node['Actual Loops'] > 0 && node['Relation Name'] && node['Node Type'].includes('Scan'),
  );
  return {
    sequentialScans: scans
      .filter((node) => node['Node Type'] === 'Seq Scan')
      .map((node) => node['Relation Name'] ?? ''),
    rowsSorted: nodes
      .filter((node) => node['Node Type'].includes('Sort'))
      .reduce((sum, node) => sum + rows(node), 0),
    // A statement's pages include those of the statements inside it.
    pages: Math.max(...plans.map((plan) => plan['Shared Hit Blocks'] + plan['Shared Read Blocks'])),
    rowsRead: (table) =>
      scans.filter((node) => node['Relation Name'] === table).reduce((sum, node) => sum + rows(node), 0),
  };
}

function rows(node: Node): number {
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return (node['Actual Rows'] + removed) * node['Actual Loops'];
}

function allNodes(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(allNodes)];
}
