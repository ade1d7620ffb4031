"""API tokens, how often they may call, and the roles.

The permissions of all rooms are created here: Django does that after the last migration, and the roles need them now.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from testio_site import roles


def make_roles(apps, schema_editor):
    using = schema_editor.connection.alias
    roles.create_all_permissions(apps, using)
    roles.ensure(apps, using)


def remove_roles(apps, schema_editor):
    roles.remove(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('sync', '0003_who_may_see_a_customer'),
        ('problematic', '0001_events_mappings_history_jobs'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CallAllowance',
            fields=[
                ('caller', models.TextField(primary_key=True, serialize=False)),
                ('free_at', models.DateTimeField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.RunSQL('ALTER TABLE testio_site_callallowance SET UNLOGGED', migrations.RunSQL.noop),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='What it is for, such as the program that will use it.', max_length=100)),
                ('digest', models.BinaryField(max_length=32, unique=True)),
                ('beginning', models.CharField(editable=False, help_text='How the secret begins, to tell them apart.', max_length=12)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('read', 'Read: see everything that is synced, problems and reports'), ('triage', 'Triage: map, retry and clear what could not be read'), ('operate', 'Operate: start and cancel syncs, refresh products, release leases')], max_length=8), help_text='What it may do.', size=None)),
                ('all_customers', models.BooleanField(default=False, help_text='All customers its owner sees, also those that will be added later.')),
                ('expires_at', models.DateTimeField(blank=True, help_text='When it ends by itself; empty means never.', null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, help_text='To the minute: it is not written for every call.', null=True)),
                ('customers', models.ManyToManyField(blank=True, help_text='The only customers whose data it sees.', related_name='+', to='sync.customer')),
                ('owner', models.ForeignKey(help_text="It acts in this user's name, and never has more rights than they have.", on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'API token',
                'verbose_name_plural': 'API tokens',
                'ordering': ('-created_at', '-id'),
                'permissions': (('manage_tokens', 'Can see and revoke the API tokens of others'),),
                'constraints': [models.UniqueConstraint(condition=models.Q(('revoked_at', None)), fields=('owner', 'name'), name='apitoken_name_once_per_owner', violation_error_message='This user has a token of that name. Revoke it first, or choose another name.'), models.CheckConstraint(condition=models.Q(('digest__length', 32)), name='apitoken_digest_is_sha256'), models.CheckConstraint(condition=models.Q(('scopes__contained_by', ['read', 'triage', 'operate']), ('scopes__len__gt', 0)), name='apitoken_scopes_known')],
            },
        ),
        migrations.RunPython(make_roles, remove_roles),
    ]
