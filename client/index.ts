/**
 * Client: the SDK for browsers and Node; what is exported here is what is published as `@snowshed/client`.
 */

export * from './api.ts';
export { connect } from './snowshed.ts';
