from __future__ import annotations

import apps.approvals.states
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import append_only


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0003_findings_stand'),
        ('inventory', '0002_walls'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Challenge',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('thing', models.CharField(choices=[(apps.approvals.states.Thing['EVIDENCE'], apps.approvals.states.Thing['EVIDENCE']), (apps.approvals.states.Thing['DECISION'], apps.approvals.states.Thing['DECISION']), (apps.approvals.states.Thing['REPORT'], apps.approvals.states.Thing['REPORT']), (apps.approvals.states.Thing['FINDING'], apps.approvals.states.Thing['FINDING'])], max_length=10)),
                ('thing_id', models.CharField(max_length=320)),
                ('thing_name', models.CharField(max_length=400)),
                ('thing_digest', models.CharField(max_length=71)),
                ('said', models.CharField(choices=[(apps.approvals.states.Said['QUESTION'], apps.approvals.states.Said['QUESTION']), (apps.approvals.states.Said['ANSWER'], apps.approvals.states.Said['ANSWER']), (apps.approvals.states.Said['REMARK'], apps.approvals.states.Said['REMARK'])], max_length=10)),
                ('text', models.TextField()),
                ('said_at', models.DateTimeField()),
                ('statement_digest', models.CharField(max_length=71, unique=True)),
                ('answers', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='answered', to='approvals.challenge')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='challenges', to='inventory.registeredmodel')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='challenges', to='inventory.modelversion')),
            ],
            options={
                'ordering': ['said_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Mention',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('challenge', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='mentions', to='approvals.challenge')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.AddIndex(
            model_name='challenge',
            index=models.Index(fields=['model', 'thing', 'thing_id'], name='challenges_of_a_thing'),
        ),
        migrations.AddConstraint(
            model_name='challenge',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answers__isnull', False), ('said', 'answer')), models.Q(models.Q(('said', 'answer'), _negated=True), ('answers__isnull', True)), _connector='OR'), name='only_answers_answer'),
        ),
        migrations.AddConstraint(
            model_name='mention',
            constraint=models.UniqueConstraint(fields=('challenge', 'person'), name='mentioned_once'),
        ),
        append_only("approvals_challenge"),
        append_only("approvals_mention"),
    ]
