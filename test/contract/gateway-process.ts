// A gateway in a process of its own, for tests that kill it. Its options come as JSON in argv; it prints its URL.
import { type GatewayOptions, startGateway } from '../../src/local/gateway/start-gateway.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as GatewayOptions;
const { url } = await startGateway(options);
process.stdout.write(`${url}\n`);
