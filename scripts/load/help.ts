export const HELP = `Usage: npm run load -- [options]

Sends a load of log records through otel-log-queue and reports what it cost and what arrived.
Without options: 10 tasks of 1,000 records/s for 10 s, default processor options, OTLP, compared.

  --concurrency N     tasks                                               (default 10)
  --rate N            records per second of each task                     (default 1000)
  --duration S        seconds                                             (default 10)
  --burst N           N records in one synchronous loop instead of tasks
  --strategy NAME     drop, drop-oldest, sample, priority, block          (default drop)
  --maxsize N         queue size in records                    (default: the processor's)
  --worker NAME       thread, event-loop                       (default: the processor's,
                      for its own exporters the thread)
  --exporter NAME     null, otlp, loki, stdout, file                      (default otlp)
  --latency MS        the receiver waits so long before it answers        (default 0;
                      without effect on stdout and file, which have no receiver)
  --outage FROM:TO    the receiver is down from second FROM to second TO after the first emit: OTLP and Loki only
  --spool             the lane has a spool on disk, in the run's temporary folder  (default: on with --outage; --spool=false)
  --compare           the same load through the stock BatchLogRecordProcessor and a no-op processor
                      (default: on without any option, else off; --compare=false)
  --repeat N          runs of each processor, interleaved                 (default 1)
  --json FILE         writes every run as JSON
  --help              this text

Each option is also read from the environment: LOAD_TEST_RATE=500 is --rate 500; the command line wins.
Exit codes: 0 good, 1 a run failed or records are unaccounted for, 2 a wrong value.

How it measures
- The built package (dist) is measured; it is built first if it is missing or older than src.
- Open loop: records are due at fixed times, whatever the process is doing, and every due record is emitted, however late.
  "Emit call" is the call alone; "from due time" counts from when the record was due. Tasks are woken by timers of 1 ms,
  so about that much of the time from due belongs to the driver: the no-op column shows it. Records of a burst are due when the loop gets to them.
- Strategy block on the event loop: producers await ready() before each emit, and both times include the wait; with a thread emit itself waits.
- CPU of the process is that of all its threads, the worker's included; --maxsize bounds the ring in front of a thread.
- Each run is a process of its own without ts-node; the receivers (OTLP, Loki) are in another, read bodies after the run,
  and count sequence numbers. With --exporter stdout this process counts lines, with file it reads the file afterwards.
- Warm-up: up to 20,000 records or 1.5 s through the same processor before the clock starts, flushed in small parts.
  Their sequence numbers lie above the run's, and no count contains them.
- CPU, event-loop delay and memory: from the first emit to the end of the final flush; CPU per record is per attempted record.
  Event-loop delay is the interval of a 1 ms timer, so 1 ms is its floor.
- The stock column has the stock OTLP protobuf exporter (with --exporter null one that succeeds after --latency), and the same --maxsize.
- An outage closes the receiver's port and its connections. The run ends when the spool is empty or after a minute; the stock processor has no spool.
- OTEL_ variables are kept from the runs. Node options for them go into NODE_OPTIONS.
- With --repeat, counts are sums, and times, CPU and memory are medians of the runs; ratios are medians of the ratios of runs made one after the other.
`;
