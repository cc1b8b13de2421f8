/** A program in Node as a member of a chatixia mesh. */
export type { Schema } from "./arguments.js";
export { Context } from "./context.js";
export { type Errors, errors } from "./errors.js";
export { type ErrorClass, type ErrorFacts, MeshError, type Outcome, TABLE } from "./mesh_error.js";
export { AgentHandle, type Anything, type Skills } from "./handle.js";
export { connect, Mesh, type Options } from "./mesh.js";
export type { CallOptions, QuestionOptions, Reply, TaskOptions } from "./options.js";
export { type PromptHandler, type Skill } from "./serve.js";
export type { MeshEvent } from "./sidecar.js";
export type { Stream } from "./stream.js";
export type { Task } from "./task.js";
export type { Welcome } from "./wire.js";
