import { Aws, Validations } from 'aws-cdk-lib';
import {
  CfnVPCEndpoint,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  type ISecurityGroup,
  type ISubnet,
  type IVpc,
  SecurityGroup,
  Subnet,
  type SubnetSelection,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import type { Definition } from '../core/definition/options.ts';

/**
 * Where the functions run that read from the source. Publish and the state machine talk to AWS only (S3, DynamoDB, the
 * catalog), and stay outside.
 */
export type Network = {
  readonly vpc: IVpc;
  readonly vpcSubnets: SubnetSelection;
  /** of those one a zone: an endpoint takes no second */
  readonly endpointSubnets: SubnetSelection;
  readonly securityGroups: ISecurityGroup[];
};

/** The app's VPC, else the definition's; null: none. */
export function networkOf(
  scope: Construct,
  { name, deploy }: Definition,
  given: {
    readonly vpc?: IVpc;
    readonly vpcSubnets?: SubnetSelection;
    readonly securityGroups?: readonly ISecurityGroup[];
  },
): Network | null {
  if (!given.vpc) return deploy.vpc ? namedNetwork(scope, name, deploy.vpc) : null;
  const vpcSubnets = given.vpcSubnets ?? { subnetType: SubnetType.PRIVATE_WITH_EGRESS };
  return {
    vpc: given.vpc,
    vpcSubnets,
    endpointSubnets: { ...vpcSubnets, onePerAz: true },
    securityGroups: given.securityGroups
      ? [...given.securityGroups]
      : [functionsSecurityGroup(scope, name, given.vpc)],
  };
}

/** A VPC as the definition names it: nothing of it is looked up, so that synth needs no account. */
function namedNetwork(
  scope: Construct,
  sync: string,
  {
    id,
    availability_zones,
    subnets,
    security_groups,
    route_tables,
  }: NonNullable<Definition['deploy']['vpc']>,
): Network {
  const vpc = Vpc.fromVpcAttributes(scope, 'Vpc', { vpcId: id, availabilityZones: availability_zones });
  gatewayEndpoints(scope, id, route_tables);
  const named = subnets.map((subnetId, index) =>
    namedSubnet(scope, `Subnet${index}`, subnetId, availability_zones[index]!),
  );
  return {
    vpc,
    vpcSubnets: { subnets: named },
    endpointSubnets: {
      subnets: named.filter((_, index) => availability_zones.indexOf(availability_zones[index]!) === index),
    },
    securityGroups:
      security_groups.length === 0
        ? [functionsSecurityGroup(scope, sync, vpc)]
        : security_groups.map((group, index) =>
            SecurityGroup.fromSecurityGroupId(scope, `SecurityGroup${index}`, group),
          ),
  };
}

function namedSubnet(scope: Construct, id: string, subnetId: string, availabilityZone: string): ISubnet {
  const subnet = Subnet.fromSubnetAttributes(scope, id, { subnetId, availabilityZone });
  Validations.of(subnet).acknowledge({
    id: 'Annotation::@aws-cdk/aws-ec2:noSubnetRouteTableId',
    reason: 'Nothing here asks a subnet for its route table: deploy.vpc.route_tables names them.',
  });
  return subnet;
}

/**
 * Lets nobody in, and the functions out to everywhere: the database's port stands in a secret that nobody reads at
 * deployment.
 */
const functionsSecurityGroup = (scope: Construct, sync: string, vpc: IVpc): SecurityGroup =>
  new SecurityGroup(scope, 'SecurityGroup', {
    vpc,
    description: `The functions of Tidemark sync ${sync} that read from the source`,
    allowAllOutbound: true,
  });

/**
 * S3 and DynamoDB without a NAT gateway, free of charge. A route table has one such endpoint of a service at most:
 * where another sync or team has made them, `route_tables` is left out.
 */
function gatewayEndpoints(scope: Construct, vpcId: string, routeTableIds: readonly string[]): void {
  if (routeTableIds.length === 0) return;
  for (const [id, service] of [
    ['S3Endpoint', 's3'],
    ['DynamodbEndpoint', 'dynamodb'],
  ] as const) {
    new CfnVPCEndpoint(scope, id, {
      vpcId,
      vpcEndpointType: 'Gateway',
      serviceName: `com.amazonaws.${Aws.REGION}.${service}`,
      routeTableIds: [...routeTableIds],
    });
  }
}

/**
 * What functions without a way to the internet need beside S3 and DynamoDB: Plan asks Step Functions whether an
 * execution is over, and Glue which snapshot a table has; those that read from the source fetch its secret. Each costs a
 * few dollars a month and zone.
 */
export function interfaceEndpoints(
  scope: Construct,
  sync: string,
  network: Network,
  needs: { readonly secret: boolean; readonly glue: boolean },
): void {
  const { vpc, endpointSubnets } = network;
  const group = new SecurityGroup(scope, 'EndpointSecurityGroup', {
    vpc,
    description: `Lets the functions of Tidemark sync ${sync} reach AWS APIs`,
    allowAllOutbound: false,
  });
  const services = {
    StepFunctionsEndpoint: InterfaceVpcEndpointAwsService.STEP_FUNCTIONS,
    ...(needs.secret && { SecretsManagerEndpoint: InterfaceVpcEndpointAwsService.SECRETS_MANAGER }),
    ...(needs.glue && { GlueEndpoint: InterfaceVpcEndpointAwsService.GLUE }),
  };
  for (const [id, service] of Object.entries(services)) {
    const endpoint = new InterfaceVpcEndpoint(scope, id, {
      vpc,
      service,
      subnets: endpointSubnets,
      securityGroups: [group],
      open: false,
    });
    for (const functions of network.securityGroups) {
      endpoint.connections.allowDefaultPortFrom(functions, 'the functions of the sync');
    }
  }
}
