import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { ledgerName } from './names.ts';

/**
 * The ledger of a sync: the only truth about what is committed. It outlives its stack, cannot be deleted by
 * accident, and can be put back to any second of the last 35 days. It is encrypted with DynamoDB's key in the
 * account (`aws/dynamodb`), for whose use nobody needs a permission.
 */
export const ledgerTable = (scope: Construct, id: string, sync: string): Table =>
  new Table(scope, id, {
    tableName: ledgerName(sync),
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    encryption: TableEncryption.AWS_MANAGED,
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
