import { Controller, Get, Logger, NotFoundException, Param } from '@nestjs/common';
import { QueueLogRecordProcessor } from 'otel-log-queue';

@Controller()
export class OrdersController {
  private readonly logger = new Logger(OrdersController.name);

  constructor(private readonly processor: QueueLogRecordProcessor) {}

  @Get('health')
  health(): object {
    return this.processor.stats();
  }

  @Get('orders/:id')
  read(@Param('id') id: string): object {
    if (!/^\d+$/.test(id)) {
      throw new NotFoundException(`no such order: ${id}`);
    }
    this.logger.log('order read', { order: Number(id) });
    return { order: Number(id) };
  }
}
