import { RealtimeClient } from 'nestjs-realtime/client';
import { WebSocket } from 'ws';

const client = new RealtimeClient(process.argv[2], { WebSocket });
const echoed = await client.request('echo', { hello: 'world' });
console.log(JSON.stringify({ echoed, state: client.state }));
client.close();
