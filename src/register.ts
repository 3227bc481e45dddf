// `node --import otel-log-queue/register app.js`, or `--require`. The only file of this package that does something by being loaded.
import { register } from './registration/registration';

register();
