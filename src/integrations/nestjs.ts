export { LogQueueModule, type LogQueueModuleAsyncOptions, type LogQueueModuleForRootOptions } from './nestjs-module';
export { type LogQueueModuleOptions, type LogQueueOptionsFactory } from './nestjs-options';
export { OtelLogger, type OtelLoggerOptions } from './nestjs-logger';
export { RequestLogInterceptor } from './nestjs-interceptor';
export type { LoggerSource } from './logger-source';
export type { RequestLogOptions } from './request-log-options';
export type { ShutsDown } from './bounded-shutdown';
