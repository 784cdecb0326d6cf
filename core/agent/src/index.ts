export { AgentClient, type AgentClientOutput, type Monitor } from "./agent-client.ts";
export {
  type AgentMessage,
  AgentProtocolError,
  AgentReader,
  agentPieces,
} from "./agent-stream.ts";
