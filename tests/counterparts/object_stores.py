# Prepares, lists, reads and writes objects by the vendors' own clients.
#
# A JSON question a line, with `kind` (s3, azure, gcs), `operation` (make, list, read, write; of S3 also assume), and the
# address; an answer a line. Contents are in base64.

import base64
import datetime
import hashlib
import json
import sys
import urllib.parse
import urllib.request

import boto3
from azure.storage.blob import AccountSasPermissions, BlobServiceClient, ResourceTypes, generate_account_sas

TEXT_LIMIT = 200_000


class S3:
    def __init__(self, question):
        self.bucket = question["bucket"]
        self.role = question.get("roleArn")
        self.options = {
            "endpoint_url": question["endpoint"],
            "region_name": question["region"],
            "aws_access_key_id": question.get("accessKeyId", "nobody"),
            "aws_secret_access_key": question.get("secretAccessKey", "nothing"),
        }
        self.client = boto3.client("s3", **self.options)

    # The server lets everybody in at first, and checks all that follows when it is told to.
    def make(self):
        region = {"LocationConstraint": self.options["region_name"]}
        self.client.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=region)
        iam = boto3.client("iam", **self.options)
        iam.create_user(UserName="loader")
        key = iam.create_access_key(UserName="loader")["AccessKey"]
        policy = policy_of(["s3:*", "sts:*"], Resource="*")
        iam.put_user_policy(UserName="loader", PolicyName="loader", PolicyDocument=policy)
        trust = policy_of(["sts:AssumeRole"], Principal={"AWS": "*"})
        role = iam.create_role(RoleName="loader", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName="loader", PolicyName="loader", PolicyDocument=policy)
        address = f"{self.options['endpoint_url']}/moto-api/reset-auth"
        headers = {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(address, data=b"0", headers=headers)).read()
        return {"accessKeyId": key["AccessKeyId"], "secretAccessKey": key["SecretAccessKey"], "roleArn": role}

    def assume(self):
        sts = boto3.client("sts", **self.options)
        given = sts.assume_role(RoleArn=self.role, RoleSessionName="loader")["Credentials"]
        names = {"accessKeyId": "AccessKeyId", "secretAccessKey": "SecretAccessKey", "sessionToken": "SessionToken"}
        return {name: given[theirs] for name, theirs in names.items()}

    def keys(self, prefix):
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            yield from (entry["Key"] for entry in page.get("Contents", []))

    def read(self, key):
        answer = self.client.get_object(Bucket=self.bucket, Key=key)
        return answer["Body"].read(), answer.get("ContentType")

    def write(self, key, content):
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)


class Azure:
    def __init__(self, question):
        self.question = question
        self.service = BlobServiceClient.from_connection_string(question["connectionString"])
        self.container = self.service.get_container_client(question["bucket"])

    def make(self):
        self.container.create_container()
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        sas = generate_account_sas(
            account_name=self.question["account"],
            account_key=self.question["key"],
            resource_types=ResourceTypes(service=True, container=True, object=True),
            permission=AccountSasPermissions(read=True, write=True, list=True, create=True, add=True),
            expiry=end,
        )
        return {"sas": sas}

    def keys(self, prefix):
        return list(self.container.list_blob_names(name_starts_with=prefix))

    def read(self, key):
        stream = self.container.download_blob(key)
        return stream.readall(), stream.properties.content_settings.content_type

    def write(self, key, content):
        self.container.upload_blob(key, content, overwrite=True)


class Gcs:
    def __init__(self, question):
        self.endpoint = question["endpoint"]
        self.objects = f"{self.endpoint}/storage/v1/b/{question['bucket']}/o"
        self.upload = f"{self.endpoint}/upload/storage/v1/b/{question['bucket']}/o"

    def keys(self, prefix):
        token = None
        while True:
            query = {"prefix": prefix, **({"pageToken": token} if token else {})}
            page = json.load(urllib.request.urlopen(f"{self.objects}?{urllib.parse.urlencode(query)}"))
            yield from (entry["name"] for entry in page.get("items", []))
            token = page.get("nextPageToken")
            if not token:
                return

    def read(self, key):
        with urllib.request.urlopen(f"{self.objects}/{urllib.parse.quote(key, safe='')}?alt=media") as answer:
            return answer.read(), answer.headers.get("Content-Type")

    def write(self, key, content):
        query = urllib.parse.urlencode({"uploadType": "media", "name": key})
        headers = {"Content-Type": "application/octet-stream"}
        urllib.request.urlopen(urllib.request.Request(f"{self.upload}?{query}", data=content, headers=headers)).read()


def policy_of(actions, **rest):
    statement = {"Effect": "Allow", "Action": actions, **rest}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def describe(content, content_type):
    entry = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "contentType": content_type}
    if len(content) <= TEXT_LIMIT:
        try:
            entry["text"] = content.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return entry


def answer(question):
    store = {"s3": S3, "azure": Azure, "gcs": Gcs}[question["kind"]](question)
    operation = question["operation"]
    if operation == "list":
        return {key: describe(*store.read(key)) for key in store.keys(question["prefix"])}
    if operation == "read":
        return base64.b64encode(store.read(question["key"])[0]).decode()
    if operation == "write":
        return store.write(question["key"], base64.b64decode(question["content"]))
    return getattr(store, operation)()


# What libraries print must not get between the answers; some also replace print().
out, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    try:
        text = json.dumps({"answer": answer(json.loads(line))})
    except Exception as error:
        text = json.dumps({"error": repr(error)})
    out.write(f"{text}\n")
    out.flush()
